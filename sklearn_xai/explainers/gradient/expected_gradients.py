"""Expected gradients."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
import torch

from sklearn_xai._compat import Interval
from sklearn_xai._typing import Channels, Groups, Layer, Output, Sampling, Seed, Target
from sklearn_xai.background import sample_rows
from sklearn_xai.base import BACKGROUND_PARAMETERS, Attributions
from sklearn_xai.base.targets import chooser
from sklearn_xai.engines import pick
from sklearn_xai.explainers.gradient._base import GradientExplainer
from sklearn_xai.explainers.gradient._blends import draw_blends, error_contrasts, expected_gradients, head_matrix

_DESIGNS, _CALIBRATED_ROWS = 8, 4  # independent draws, and background rows, by which standard errors are scaled


class ExpectedGradientsExplainer(GradientExplainer):
    r"""How does each feature contribute to the difference of the output from its mean over the background?

    Integrated gradients, averaged over background rows b as baselines and over the path to each (GradientSHAP),

    .. math:: \phi_i = E_{b, \alpha \sim U(0, 1)} \left[
        (x_i - b_i) \frac{\partial f(b + \alpha (x - b))}{\partial x_i} \right],

    and the attributions add up to the output less its mean over the background.

    Parameters
    ----------
    %(estimator)s
    n_samples : int, default=200
        Number of draws of a background row and an alpha. They are made in ``fit`` and shared by all rows.
    %(background)s
    tol : float, default=1e-2
        Completeness gap that is allowed: at most ``tol * max(1, |f(x) - base value|)``, in units of the explained
        output. A ConvergenceWarning tells when a row stays above it, which needs very few draws.
    %(site)s
    %(shared)s

    Attributes
    ----------
    baselines_ : ndarray of shape (n_background, ...)
        The background rows in the space that is attributed to: as the network takes them, as vectors of tokens, or as
        units of ``layer``.
    %(attributes)s

    See Also
    --------
    IntegratedGradientsExplainer : One baseline, and as many nodes of its path as each row needs.
    ShapleyExplainer : Shares by what the output is without some of the columns, for any model.

    Notes
    -----
    Each background row is used equally often (up to one), the alphas lie one in each of equal cells, and those that go
    with one background row in equal strata. What the attributions of a draw should add up to is known, and so is the
    mean of the outputs of the background: the regression on both corrects the mean over the draws. On a
    net of the census table this took a third off the root mean square error of 20 draws and a tenth off that of 200,
    which was a sixth of that of 50: background rows that are all used as often leave little to chance.

    ``explain`` adds ``standard_errors``, of the shape of the attributions and in the units of the output: the error of
    drawing, estimated from combinations of the draws that cancel what the design takes care of. That the background is
    a sample of the data is another matter. From 20 to 400 draws on three
    networks the root mean square of the actual errors was 0.85 to 1.25 times that of the standard errors. They are NaN
    for a handful of draws.

    Misleads when the background is not what the row should be held against: attributions are differences from it, and
    background rows of another group of people tell another story. The points between a row and a background row may be
    like no row, where columns are correlated or categories are blended, and two columns that say the same share as the
    network happens to weigh them.

    Cost: ``n_samples`` forward and backward passes a row (200 by default). ``fit`` takes eight times as many for each
    of four rows, to scale the standard errors.

    References
    ----------
    Erion, G., Janizek, J. D., Sturmfels, P., Lundberg, S. M. and Lee, S.-I. (2021). Improving performance of deep
    learning models with axiomatic attribution priors and expected gradients.

    Lundberg, S. M. and Lee, S.-I. (2017). A Unified Approach to Interpreting Model Predictions.

    Stein, M. (1987). Large Sample Properties of Simulations Using Latin Hypercube Sampling.

    Examples
    --------
    >>> import numpy as np
    >>> from torch import nn
    >>> from sklearn_xai import ExpectedGradientsExplainer
    >>> X = np.random.RandomState(0).standard_normal((50, 3))
    >>> linear = nn.Linear(3, 1)
    >>> explainer = ExpectedGradientsExplainer(linear, random_state=0).fit(X)
    >>> expected = (X - X.mean(axis=0)) * linear.weight.detach().numpy()
    >>> bool(np.allclose(explainer.transform(X), expected, atol=1e-5))
    True
    """

    _additive = True
    _gap_advice = "Raise n_samples"

    _parameter_constraints: dict = {
        **GradientExplainer._parameter_constraints,
        **BACKGROUND_PARAMETERS,
        "n_samples": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(
        self,
        estimator: Any,
        *,
        n_samples: int = 200,
        background_size: int = 100,
        background_sampling: Sampling = "random",
        tol: float = 1e-2,
        layer: Layer = None,
        channels: Channels = "keep",
        target: Target = "auto",
        output: Output = "auto",
        feature_groups: Groups = None,
        batch_size: int | None = None,
        random_state: Seed = None,
        verbose: int | bool = 0,
    ) -> None:
        super().__init__(
            estimator,
            layer=layer,
            channels=channels,
            target=target,
            output=output,
            feature_groups=feature_groups,
            batch_size=batch_size,
            random_state=random_state,
            verbose=verbose,
        )
        self.n_samples = n_samples
        self.background_size = background_size
        self.background_sampling = background_sampling
        self.tol = tol

    def _prepare(self, X, y, rng):
        self.baselines_ = self._find_baseline("sample", X, rng)
        network = self._model.network
        with network.frozen(), torch.no_grad():
            matrix = head_matrix(self._site, self._tensor(self.baselines_[:1]))
        self._matrix = None if matrix is None else matrix.cpu().numpy()
        designs = [self._draw(rng) for _ in range(_DESIGNS)]
        self._draws = designs[0]
        self._draws[3][:] *= self._error_scale(designs, rng)

    def _draw(self, rng):
        blends = draw_blends(len(self.baselines_), self.n_samples, rng)
        return (*blends, error_contrasts(*blends, rng))

    def _error_scale(self, designs, rng):
        """Return the actual error of a few background rows, from several designs, in units of what contrasts say.

        Strata leave less error than contrasts of draws from different strata show; how much less depends on how smooth
        the network is.
        """
        choose = chooser(0) if self._target_index == "all" else self._choose
        network, found, spreads = self._model.network, [], []
        with network.frozen():
            z = network.tensor(self._model.inputs(sample_rows(self.background_, _CALIBRATED_ROWS, rng)))
            v, context = self._site.variable(z), self._site.context(z)
            for design in designs:
                values, _, _, errors = self._expected(v, context, choose, design)
                found.append(values.double())
                spreads.append(errors.double().square().mean())
        actual, said = torch.stack(found).var(dim=0).mean(), torch.stack(spreads).mean()
        return float((actual / said).sqrt()) if said > 0 and len(designs[0][3]) else 1.0

    def _tensor(self, array):
        network = self._model.network
        return torch.as_tensor(array, dtype=network.dtype, device=network.device)

    def _cells_per_row(self):
        return super()._cells_per_row() * (3 + len(self._draws[3]))

    def _expected(self, v, context, choose, draws):
        return expected_gradients(
            self._site,
            v,
            self._tensor(self.baselines_),
            draws,
            context,
            choose,
            matrix=None if self._matrix is None else self._tensor(self._matrix),
            batch_size=self.batch_size,
        )

    def _attribute_variable(self, v, context, choose):
        without_errors = (*self._draws[:3], self._draws[3][:0])
        return self._expected(v, context, choose, without_errors)[:3]

    def _attribute_fully(self, X, choose):
        network, inputs = self._model.network, self._model.inputs(X)
        with network.frozen():
            z = network.tensor(inputs)
            v, context = self._site.variable(z), self._site.context(z)
            found, outputs, base_outputs, errors = self._expected(v, context, choose, self._draws)
            target = choose(outputs)
            explained = pick(outputs, target).cpu().numpy()
            base_values = pick(base_outputs.expand(len(outputs), -1), target).cpu().numpy()
            every = torch.cat([found[:, None], errors], dim=1).cpu().numpy()
        # The errors of what feeds one column, or of a group, are added up before their spread is taken.
        folded = self._fold(every.reshape(-1, *every.shape[2:]), X, inputs)
        folded = folded.reshape(len(inputs), -1, *folded.shape[1:])
        return Attributions(folded[:, 0], base_values, explained, {"standard_errors": _spread(folded[:, 1:])})


def _spread(errors):
    """Return the root mean square over the second axis; NaN where nothing tells."""
    if not errors.shape[1]:
        return np.full((len(errors), *errors.shape[2:]), np.nan, dtype=errors.dtype)
    return np.sqrt(np.square(errors).mean(axis=1))
