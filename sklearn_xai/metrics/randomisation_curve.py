"""How an explanation changes while the layers of the network lose what they have learned, one after the other."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from sklearn.utils import Bunch

from sklearn_xai._checks import check_whole
from sklearn_xai._progress import track
from sklearn_xai._rng import draw_seed, own_random_state
from sklearn_xai._typing import Explained, RandomisationOrder, Rows, Seed, Similarity
from sklearn_xai.base.findings import Findings
from sklearn_xai.base.nearby import numbers_of
from sklearn_xai.engines.agreement import cosine, spearman
from sklearn_xai.metrics._judged import check_explainer
from sklearn_xai.metrics._refitting import Refitting, quiet
from sklearn_xai.models import is_network, split_pipeline
from sklearn_xai.network import layer_randomisation, randomisable_layers

ORDERS = ("cascading", "bottom_up", "independent")
SIMILARITIES = {"spearman": spearman, "cosine": cosine}


def parameter_randomisation_curve(
    explainer: Any,
    X: Rows,
    *,
    attributions: Explained | None = None,
    order: RandomisationOrder = "cascading",
    layers: list[str] | None = None,
    similarity: Similarity = "spearman",
    absolute: bool = False,
    n_samples: int | None = None,
    noise: float = 0.1,
    random_state: Seed = None,
) -> Bunch:
    r"""After how many layers drawn anew does an explanation cease to be that of the trained network?

    .. math:: s_l(x) = \mathrm{sim}\big(e(x; \theta), e(x; \theta_1, \ldots, \theta_{l-1}, \tilde\theta_l, \ldots,
              \tilde\theta_L)\big)

    with :math:`e` the explanation of the output that the trained network is explained for, and :math:`\tilde\theta`
    parameters drawn as for a new network. The explainer is fitted anew around each network, to the background that it
    has kept and with the same seed, so that a method that draws is not taken for one that reacts. The network itself is
    what it was after the call, bit by bit, also after an exception.

    Parameters
    ----------
    explainer : fitted explainer
        Of a skorch net, a torch module or a Pipeline that ends in one.
    X : array-like or DataFrame of shape (n_rows, n_features), or array of shape (n_rows, ...)
        Rows to explain.
    attributions : array-like, shap.Explanation or None, default=None
        The explanation of the trained network. None makes it anew, by an explainer fitted as those of the randomised
        networks are. Not with `n_samples`.
    order : {"cascading", "bottom_up", "independent"}, default="cascading"
        Which layers are drawn anew in step l: the l nearest to the output; the l nearest to the input; the l-th from
        the output alone.
    layers : list of str or None, default=None
        The layers to draw anew instead of all, by name, in the order of a cascade. The name of a block stands for
        all layers in it, drawn in one step.
    similarity : {"spearman", "cosine"} or callable, default="spearman"
        Of two explanations; a function of two arrays (n_rows, n_players) that gives (n_rows,).
    absolute : bool, default=False
        Whether to compare the magnitudes of the attributions. A network that is drawn anew may well turn the sign of
        an explanation that looks the same.
    n_samples : int or None, default=None
        Number of noisy copies of each row over which explanations are averaged; None explains the rows themselves.
    noise : float, default=0.1
        Standard deviation of the noise of these copies, in those of each column over the background (of images, of all
        their numbers together). Only real numbers get noise: in a table that is not given to a network as it is, those
        columns of which not all values are whole.
    random_state : int, RandomState instance or None, default=None
        Seeds the layers, the noise (the same for all rows), and the explainer if it has no seed of its own.

    Returns
    -------
    curve : Bunch
        ``layers``, the layer that each step adds, and ``similarity`` of shape (n_layers, n_rows). 1.0 where nothing has
        changed; 0.0 where one of the explanations is constant over the players (for "cosine": all zero), as it is of a
        single player. With `target="all"`, the mean over the outputs.

    Raises
    ------
    TypeError
        If the explained model does not end in a network.
    ValueError
        If a parameter is not one of the above, the network has no such layers, or there is nothing to add noise to.

    References
    ----------
    Adebayo, J., Gilmer, J., Muelly, M., Goodfellow, I., Hardt, M. and Kim, B. (2018). Sanity Checks for Saliency Maps.

    Hedstroem, A., Weber, L., Lapuschkin, S. and Hoehne, M. (2023). Sanity Checks Revisited: An Exploration to Repair
    the Model Parameter Randomisation Test.

    See Also
    --------
    parameter_randomisation : The mean of this curve.
    sklearn_xai.network.layer_randomisation : Draws the layers of a network anew for a while.

    Examples
    --------
    >>> import torch
    >>> from sklearn_xai import SaliencyExplainer
    >>> from sklearn_xai.metrics import parameter_randomisation_curve
    >>> X = torch.eye(4).numpy()
    >>> net = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
    >>> curve = parameter_randomisation_curve(SaliencyExplainer(net).fit(X), X, random_state=0)
    >>> curve.layers, curve.similarity.shape
    (['2', '0'], (2, 4))
    """
    cascade = Cascade(
        explainer, X, metric="parameter_randomisation_curve", order=order, layers=layers, random_state=random_state
    )
    return cascade.curve(attributions, similarity, absolute, n_samples, noise)


class Cascade:
    """The explanations of the same rows while more and more layers are drawn anew.

    Parameters
    ----------
    explainer, X, order, layers, random_state
        As in `parameter_randomisation_curve`.
    metric : str
        Name of the metric, for messages.
    """

    def __init__(self, explainer, X, *, metric, order="cascading", layers=None, random_state=None):
        check_explainer(explainer, metric)
        final = split_pipeline(explainer.estimator_)[1]
        if not is_network(final):
            raise TypeError(
                f"{metric} draws the layers of a network anew: the explained estimator must be a skorch net, a "
                f"torch.nn.Module, or a Pipeline that ends in one. Got {type(final).__name__}."
            )
        if order not in ORDERS:
            raise ValueError(f"The 'order' parameter of {metric} must be one of {ORDERS}. Got {order!r}.")
        rng = own_random_state(random_state)
        self.metric, self.order = metric, order
        self._layer_seed, self._noise_seed = draw_seed(rng), draw_seed(rng)
        self.refitting = Refitting(explainer, X, metric=metric, random_state=rng)
        with quiet():
            known = randomisable_layers(self.refitting.model)
        self.layers = known if layers is None else [layers] if isinstance(layers, str) else list(layers)
        if not self.layers:
            raise ValueError(f"{metric} needs layers to be drawn anew. The network has {known}, and {layers!r} asked.")
        if order == "bottom_up":
            self.layers = self.layers[::-1]

    def randomised(self, step, explain):
        """Return ``explain(a copy of the explainer, fitted)`` with the layers of a step drawn anew."""
        chosen = [self.layers[step]] if self.order == "independent" else self.layers[: step + 1]
        # A randomised network may well miss a tolerance that the trained one keeps: nobody is to mend that.
        with quiet(), layer_randomisation(self.refitting.model, layers=chosen, random_state=self._layer_seed):
            return explain(self.refitting.around())

    def curve(self, attributions, similarity, absolute, n_samples, noise):
        """Return the Bunch of `parameter_randomisation_curve`."""
        compare = similarity_of(similarity, self.metric)
        refitting = self.refitting
        if n_samples is None:
            explain, trained = refitting.attributions, refitting.own(attributions)
        else:
            if attributions is not None:
                raise ValueError(
                    f"{self.metric}: explanations of noisy copies of the rows are made anew. Leave 'attributions' or "
                    "'n_samples' None."
                )
            copies = self._noisy_copies(n_samples, noise)
            explain = lambda fitted: np.mean([refitting.attributions(fitted, rows) for rows in copies()], axis=0)  # noqa: E731
            trained = explain(refitting.around())
        found = []
        verbose = getattr(refitting.explainer, "verbose", 0)
        for step in track(range(len(self.layers)), f"{self.metric}: layers", verbose=verbose):
            pairs = zip(trained, self.randomised(step, explain), strict=True)
            found.append(np.mean([compare(*map(np.abs, pair) if absolute else pair) for pair in pairs], axis=0))
        return Findings(layers=list(self.layers), similarity=np.stack(found))

    def _noisy_copies(self, n_samples, noise):
        """Return a function that yields the rows with noise, the same in each call."""
        check_whole(n_samples, "n_samples", self.metric)
        if not isinstance(noise, Real) or not 0 < noise < np.inf:
            raise ValueError(f"The 'noise' parameter of {self.metric} must be a positive number. Got {noise!r}.")
        numbers = numbers_of(self.refitting.explainer, self.refitting.rows)
        # Behind the steps of a Pipeline a whole number may be a code; a network is given real ones.
        spread = np.where(numbers.whole & ~np.bool_(numbers.direct), 0.0, numbers.spread)
        if not spread.any():
            raise ValueError(
                f"{self.metric} adds noise to the real numbers in X, but it finds none that vary over the background: "
                "whole numbers, such as codes and ids of tokens, are left as they are. Use parameter_randomisation."
            )
        draws = np.random.RandomState(self._noise_seed).standard_normal((n_samples, 1, len(spread)))
        return lambda: (numbers.moved(self.refitting.rows, noise * spread * draw, real=True) for draw in draws)


def similarity_of(similarity, metric):
    """Return the function that compares two arrays of attributions row by row."""
    if callable(similarity):
        return similarity
    if similarity not in SIMILARITIES:
        raise ValueError(
            f"The 'similarity' parameter of {metric} must be one of {sorted(SIMILARITIES)} or a function of two arrays "
            f"of attributions. Got {similarity!r}."
        )
    return SIMILARITIES[similarity]
