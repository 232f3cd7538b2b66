"""Local linear surrogates (LIME)."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np

from sklearn_xai._compat import Interval
from sklearn_xai._rng import draw_seed
from sklearn_xai._typing import Groups, Output, Removal, Sampling, Seed, Target
from sklearn_xai.base import BACKGROUND_PARAMETERS, REMOVAL_PARAMETERS, Attributions, BaseExplainer
from sklearn_xai.engines import Coalitions, draw_subsets


def kernel_weights(kept, kernel_width):
    """Return the weight of each perturbed row: ``exp(-removed / kernel_width**2)``, with the number of players removed.

    Parameters
    ----------
    kept : bool ndarray of shape (n_samples, n_players)
    kernel_width : float

    Returns
    -------
    weights : ndarray of shape (n_samples,)
    """
    return np.exp(-(~kept).sum(axis=1) / kernel_width**2)


class WeightedRidge:
    """Weighted ridge regression of many outputs on one design, factorised once.

    The intercept is not penalised. What it finds is checked against scikit-learn's ``Ridge``.

    Parameters
    ----------
    design : ndarray of shape (n_samples, n_players)
    weights : ndarray of shape (n_samples,)
    alpha : float
        Penalty on the squared coefficients.
    """

    def __init__(self, design, weights, alpha):
        self.share = weights / weights.sum()
        self.weights = weights
        self.mean = self.share @ design
        centred = design - self.mean
        self.weighted = centred * weights[:, None]
        self.gram = centred.T @ self.weighted
        # pinv, as with alpha=0 a player that is never removed, or always with another, has no coefficient of its own
        self.inverse = np.linalg.pinv(self.gram + alpha * np.eye(design.shape[1]), hermitian=True)

    def fit(self, values):
        """Fit each row of values.

        Parameters
        ----------
        values : ndarray of shape (n_rows, n_samples)

        Returns
        -------
        coefficients : ndarray of shape (n_rows, n_players)
        intercepts : ndarray of shape (n_rows,)
        r2 : ndarray of shape (n_rows,)
            Weighted coefficient of determination; 1 where the values do not vary.
        """
        mean = values @ self.share
        products = values @ self.weighted
        coefficients = products @ self.inverse
        total = np.square(values - mean[:, None]) @ self.weights
        explained_part = (coefficients * (2 * products - coefficients @ self.gram)).sum(axis=1)
        constant = total <= 1e-12 * (1 + mean**2) * self.weights.sum()
        r2 = np.where(constant, 1.0, explained_part / np.where(constant, 1.0, total))
        return coefficients, mean - coefficients @ self.mean, r2


class LocalSurrogateExplainer(BaseExplainer):
    r"""Which columns would a linear model of the neighbourhood of each row say that matter (LIME)?

    Around a row x, ``n_samples`` perturbed rows keep some columns z of x and take the others from background rows, each
    from one of those that ``removal`` allows. The model's outputs are fitted by

    .. math:: \min_{c, \phi} \sum_z \exp(-d(z) / w^2) \, (f(x_z) - c - \phi^T z)^2 + \alpha \|\phi\|^2

    with d(z) the number of columns replaced and w the ``kernel_width``. The attribution of a column is its coefficient:
    what keeping it adds to the output. Strings, categories and missing values are columns like all others. The
    perturbations are drawn once, in ``fit``, so that all rows are fitted by one factorised solve.

    Parameters
    ----------
    %(estimator)s
    n_samples : int, default=1000
        Number of perturbed rows for each row.
    kernel_width : float, default=None
        Width w of the kernel, in square roots of columns. None is ``0.75 * sqrt(n_players)``.
    alpha : float, default=1.0
        Ridge penalty.
    %(background)s
    %(removal)s
    %(shared)s

    Attributes
    ----------
    coalitions_ : bool ndarray of shape (n_samples, n_players)
        Which columns each perturbed row keeps; the first keeps all.
    %(attributes)s

    See Also
    --------
    SHAPExplainer : Weighs the perturbations so that the attributions add up.

    Notes
    -----
    ``explain`` adds ``local_r2`` (n_rows,), the weighted R2 of each fit: a surrogate that does not fit explains
    nothing. The base value is the intercept, so that the completeness gap is the error of the surrogate at the row
    itself. The draws are shared by all rows, and so is their sampling error: of the order of the standard deviation of
    the output over the background, divided by ``sqrt(n_samples)``.

    Misleads when ``local_r2`` is low, when another ``kernel_width`` would say something else (the width is what "near"
    means, and no data say which is right), and when columns are correlated: a perturbed row puts columns together that
    do not occur together. Another ``random_state`` gives other attributions.

    Cost: ``n_samples`` evaluations a row (1,000 by default), and one small product of matrices. ``fit`` factorises one
    matrix as wide as there are columns.

    References
    ----------
    Ribeiro, M. T., Singh, S. and Guestrin, C. (2016). "Why Should I Trust You?": Explaining the Predictions of Any
    Classifier.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklearn_xai import LocalSurrogateExplainer
    >>> X = np.random.RandomState(0).standard_normal((50, 3))
    >>> model = LinearRegression().fit(X, X @ [1.0, 0.0, -2.0])
    >>> explainer = LocalSurrogateExplainer(model, random_state=0).fit(X)
    >>> explainer.transform(X).shape
    (50, 3)
    """

    _inputs = ("table", "image")
    _parameter_constraints: dict = {
        **BaseExplainer._parameter_constraints,
        "n_samples": [Interval(Integral, 2, None, closed="left")],
        "kernel_width": [Interval(Real, 0, None, closed="neither"), None],
        "alpha": [Interval(Real, 0, None, closed="left")],
        **BACKGROUND_PARAMETERS,
        **REMOVAL_PARAMETERS,
    }

    def __init__(
        self,
        estimator: Any,
        *,
        n_samples: int = 1000,
        kernel_width: float | None = None,
        alpha: float = 1.0,
        background_size: int = 100,
        background_sampling: Sampling = "random",
        removal: Removal = "marginal",
        target: Target = "auto",
        output: Output = "auto",
        feature_groups: Groups = None,
        batch_size: int | None = None,
        random_state: Seed = None,
        verbose: int | bool = 0,
    ) -> None:
        super().__init__(
            estimator,
            target=target,
            output=output,
            feature_groups=feature_groups,
            batch_size=batch_size,
            random_state=random_state,
            verbose=verbose,
        )
        self.n_samples = n_samples
        self.kernel_width = kernel_width
        self.alpha = alpha
        self.background_size = background_size
        self.background_sampling = background_sampling
        self.removal = removal

    def _prepare(self, X, y, rng):
        n_players = self.n_players_
        drawn = draw_subsets(n_players, self.n_samples - 1, random_state=draw_seed(rng))
        self.coalitions_ = np.concatenate([np.ones((1, n_players), dtype=bool), drawn])
        n_background = len(self.background_)
        self._picks = (rng.randint(n_background, size=self.n_samples) + 0.5) / n_background
        width = 0.75 * np.sqrt(n_players) if self.kernel_width is None else self.kernel_width
        weights = kernel_weights(self.coalitions_, width)
        self._ridge = WeightedRidge(self.coalitions_.astype(np.float64), weights, self.alpha)
        self._perturbed = Coalitions(self._model, self._members, self.background_, self.batch_size, self.removal)

    def _cells_per_row(self):
        return max(super()._cells_per_row(), self.n_samples)

    def _attribute(self, X, choose):
        outputs, targets = self._model.explained(X, choose)
        filler = self._perturbed.fillers(X, self.coalitions_, self._picks)
        values = self._perturbed.values(X, self.coalitions_, filler, targets)
        coefficients, intercepts, r2 = self._ridge.fit(values.astype(np.float64, copy=False))
        return Attributions(coefficients.reshape(len(X), *self._value_shape), intercepts, outputs, {"local_r2": r2})
