"""Global linear surrogates: ridge, lasso and logistic regressions fitted to the model."""

from __future__ import annotations

from numbers import Real
from typing import Any, Literal

import numpy as np
from scipy.special import expit, logit
from sklearn.linear_model import Lasso, LinearRegression, LogisticRegression, Ridge

from sklearn_xai._compat import Interval, StrOptions
from sklearn_xai._typing import Groups, Output, Seed, Target
from sklearn_xai.explainers._fidelity import r2_fidelity
from sklearn_xai.explainers.surrogate._base import GlobalSurrogate

_ALPHA = {"ridge": 1.0, "lasso": 0.01, "logistic": 1.0}
_FLOOR = 1e-6  # probabilities are cut to this distance from 0 and 1
_NO_PENALTY = 1e-8  # what stands for alpha=0 in a logistic regression, which might have no solution without any


# ---------------------------------------------------------------------- numerics
def ridge(design, targets, alpha):
    """Return ridge coefficients of many outputs on one design.

    The intercept is not penalised. Without a penalty, the solution of the smallest norm is returned: the values of a
    one-hot column add up to one, so that there are many.

    Parameters
    ----------
    design : ndarray of shape (n_rows, n_columns)
    targets : ndarray of shape (n_rows, n_outputs)
    alpha : float

    Returns
    -------
    coefficients : ndarray of shape (n_outputs, n_columns)
    """
    model = Ridge(alpha=alpha) if alpha > 0 else LinearRegression()
    return model.fit(design, targets).coef_.reshape(targets.shape[1], -1)


def lasso(design, targets, alpha):
    """Return lasso coefficients; outputs are standardised first, so that ``alpha`` of 1 or more leaves no column.

    Parameters and returned value are those of ``ridge``.
    """
    scale = np.where(targets.std(axis=0) > 0, targets.std(axis=0), 1.0)
    centred = design - design.mean(axis=0)
    fitted = Lasso(alpha=alpha, fit_intercept=False, precompute=True, max_iter=100_000, tol=1e-6)
    standard = (targets - targets.mean(axis=0)) / scale
    return np.stack([fitted.fit(centred, y).coef_ for y in standard.T]) * scale[:, None]


def logistic(design, probabilities, alpha):
    """Return coefficients and intercepts of logistic regressions to probabilities, one for each class.

    Each row counts as one of the class with the weight of its probability, and as one of another with the rest.

    Parameters
    ----------
    design : ndarray of shape (n_rows, n_columns)
    probabilities : ndarray of shape (n_rows, n_classes)
    alpha : float

    Returns
    -------
    coefficients : ndarray of shape (n_classes, n_columns)
    intercepts : ndarray of shape (n_classes,)
    """
    twice, labels = np.concatenate([design, design]), np.repeat([1, 0], len(design))
    fitted = LogisticRegression(C=1 / max(alpha, _NO_PENALTY), solver="newton-cholesky", tol=1e-9, max_iter=1_000)
    found = []
    for p in probabilities.T:
        fitted.fit(twice, labels, sample_weight=np.concatenate([p, 1 - p]))
        found.append([*fitted.coef_[0], fitted.intercept_[0]])
    found = np.array(found)
    return found[:, :-1], found[:, -1]


class LinearDesign:
    """Numbers of which none is missing: the mean in its place, and whether it was, where ``fit`` has seen any missing.

    Parameters
    ----------
    encoded : ndarray of shape (n_rows, n_encoded)
        One-hot categories and numbers, NaN where missing.
    """

    def __init__(self, encoded):
        gone = np.isnan(encoded)
        counts = len(encoded) - gone.sum(axis=0)
        self.fill = np.where(gone, 0.0, encoded).sum(axis=0) / np.maximum(counts, 1)
        self.flagged = np.flatnonzero(gone.any(axis=0))
        design = self.transform(encoded)
        self.mean = design.mean(axis=0)
        spread = design.std(axis=0)
        self.scale = np.where(spread > 1e-12 * (1e-300 + np.abs(self.mean)), spread, 1.0)

    def transform(self, encoded):
        """Return the design, shape (n_rows, n_encoded + n_flagged)."""
        gone = np.isnan(encoded)
        return np.concatenate([np.where(gone, self.fill, encoded), gone[:, self.flagged]], axis=1)


class LinearSurrogateExplainer(GlobalSurrogate):
    r"""Which columns would a linear model that imitates the model on all rows say that matter?

    A linear model of the rows given to ``fit``, with one 0/1 column for each value of a category, the mean in the place
    of missing numbers and a 0/1 column that tells where they were missing, is fitted to the explained output:

    .. math:: \min_{c, w} \sum_x (f(x) - c - w^T x)^2 + \alpha \|w\|^2

    with all columns standardised in the penalty. The attribution of a column is what it adds to the linear model beside
    its mean, :math:`\phi_j(x) = w_j (x_j - \bar x_j)`, summed over the values of a category.

    Parameters
    ----------
    %(estimator)s
    kind : {"ridge", "lasso", "logistic"}, default="ridge"
        "lasso" penalises :math:`\alpha \|w\|_1`, on an output that is standardised too, and so uses few columns.
        "logistic" is fitted to the probabilities of the classes, or to the predicted class of a model that has none;
        attributions are then in log-odds, each class against the others, whatever ``output`` is.
    alpha : float, default=None
        Penalty, as in scikit-learn's ``Ridge`` and ``Lasso``, and 1 / C of ``LogisticRegression``. None is 1 for
        "ridge" and "logistic", and 0.01 for "lasso", which has no column left at 1.
    %(fidelity)s
    %(shared)s

    Attributes
    ----------
    coef_ : ndarray of shape (n_terms,), or (n_outputs, n_terms) where several outputs are explained
        Change of the linear model's output for one unit of each term.
    intercept_ : float, or ndarray of shape (n_outputs,)
        Output of the linear model where all terms are zero.
    terms_ : ndarray of shape (n_terms,) of str
        What the coefficients belong to: "age", "education = Bachelors", "age is missing".
    fidelity_ : float, or ndarray of shape (n_outputs,)
        R2 of the linear model on held-out rows, a fifth of those given to ``fit``; of probabilities for "logistic".
    agreement_ : float or None
        Share of held-out rows to which it gives the class that the model gives; None where it does not tell the class.
    %(attributes)s

    Raises
    ------
    ValueError
        With ``kind="logistic"`` and no classifier.

    See Also
    --------
    LocalSurrogateExplainer : A linear model of the neighbourhood of each row.
    TreeSurrogateExplainer : A decision tree in place of the linear model.

    Notes
    -----
    The base value is the mean output of the linear model over the rows given to ``fit``. Attributions add up to the
    output of the linear model, not to that of the model: the completeness gap is the surrogate's error at the row.
    ``explain`` adds ``surrogate_output`` (n_rows,).

    Misleads when ``fidelity_`` is low: it is then a linear model of the data, not of the model. Of correlated columns
    the weights are shared out by the penalty, and interactions and bends are averaged away; what holds of all rows may
    be wrong for this one.

    Cost: one evaluation for each row given to ``fit``, and one linear fit. A row then takes one evaluation and one
    product with the coefficients.

    References
    ----------
    Hoerl, A. E. and Kennard, R. W. (1970). Ridge Regression: Biased Estimation for Nonorthogonal Problems.

    Tibshirani, R. (1996). Regression Shrinkage and Selection via the Lasso.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.ensemble import RandomForestRegressor
    >>> from sklearn_xai import LinearSurrogateExplainer
    >>> X = np.random.RandomState(0).standard_normal((200, 3))
    >>> model = RandomForestRegressor(20, random_state=0).fit(X, X @ [1.0, 0.0, -2.0])
    >>> explainer = LinearSurrogateExplainer(model, random_state=0).fit(X)
    >>> bool(explainer.fidelity_ > 0.9)
    True
    >>> explainer.terms_[np.abs(explainer.coef_).argmax()]
    'x2'
    """

    _one_hot = True
    _both_classes = True
    _fidelity_advice = (
        "Try TreeSurrogateExplainer, which sees interactions, or an explainer that asks the model itself, such as "
        "LocalSurrogateExplainer."
    )
    _parameter_constraints: dict = {
        **GlobalSurrogate._parameter_constraints,
        "kind": [StrOptions({"ridge", "lasso", "logistic"})],
        "alpha": [Interval(Real, 0, None, closed="left"), None],
    }

    def __init__(
        self,
        estimator: Any,
        *,
        kind: Literal["ridge", "lasso", "logistic"] = "ridge",
        alpha: float | None = None,
        min_fidelity: float | None = 0.7,
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
        self.kind = kind
        self.alpha = alpha
        self.min_fidelity = min_fidelity

    # ------------------------------------------------------------------ fit
    def _fit_surrogate(self, X, encoded, truth, outputs, train, rng):
        self._design = LinearDesign(encoded)
        feeds = np.concatenate([self._encoder.feeds, self._encoder.feeds[self._design.flagged]])
        self._term_owner = self._owner[feeds]
        flags = [f"{self._encoder.names[j]} is missing" for j in self._encoder.feeds[self._design.flagged]]
        self.terms_ = np.array([*self._encoder.output_names, *flags], dtype=object)
        design = self._design.transform(encoded[train])
        coefficients, intercepts = self._solve((design - self._design.mean) / self._design.scale, truth[train])
        self._coef = coefficients / self._design.scale
        self._base = intercepts  # the design has mean zero over all rows
        at_zero = self._base - self._coef @ self._design.mean
        shown = np.flatnonzero(np.isin(self._fitted, self._explained))
        several = len(shown) > 1
        self.coef_ = self._coef[shown if several else shown[0]]
        self.intercept_ = at_zero[shown] if several else float(at_zero[shown[0]])

    def _solve(self, z, truth):
        """Return coefficients (n_outputs, n_terms) and intercepts (n_outputs,) on the standardised design."""
        alpha = _ALPHA[self.kind] if self.alpha is None else self.alpha
        if self.kind == "logistic":
            return logistic(z, expit(truth), alpha)
        coefficients = lasso(z, truth, alpha) if self.kind == "lasso" and alpha > 0 else ridge(z, truth, alpha)
        return coefficients, truth.mean(axis=0) - coefficients @ z.mean(axis=0)

    def _fitted_to(self, X, outputs):
        if self.kind != "logistic":
            return outputs
        p = np.clip(self._probabilities(X, outputs), _FLOOR, 1 - _FLOOR)
        return logit(p)

    def _probabilities(self, X, outputs):
        """Return the probability of each class; the predicted class has all of it where the model gives none."""
        model = self._model
        if not model.classifier or model.n_outputs < 2:
            raise ValueError(
                f"The 'kind' parameter of {type(self).__name__} is 'logistic', which is fitted to the classes of a "
                f"classifier. Got {type(self.estimator_).__name__}. Use kind='ridge' or 'lasso'."
            )
        if model.network is not None:
            return model.predict_proba(X).astype(np.float64)
        if model.blackbox.method == "predict_proba":
            return outputs if self.output == "proba" else expit(outputs)
        if hasattr(self.estimator_, "predict_proba"):
            return np.asarray(self.estimator_.predict_proba(X), dtype=np.float64)
        return np.eye(model.n_outputs)[outputs.argmax(axis=1)]

    def _r2(self, truth, found):
        if self.kind == "logistic":
            return r2_fidelity(expit(truth), expit(found))
        return r2_fidelity(truth, found)

    # ------------------------------------------------------------------ attribution
    def _surrogate_outputs(self, encoded):
        return (self._design.transform(encoded) - self._design.mean) @ self._coef.T + self._base

    def _explain_encoded(self, encoded, which):
        added = (self._design.transform(encoded) - self._design.mean) * self._coef[which]
        fold = np.zeros((len(self._term_owner), self.n_players_))
        fold[np.arange(len(fold)), self._term_owner] = 1
        return added @ fold, self._base[which]

    def _attribute(self, X, choose):
        found = super()._attribute(X, choose)
        if self.kind != "logistic":
            return found
        outputs = self._outputs_of(X)
        targets = np.broadcast_to(choose(outputs), len(X))
        log_odds = np.take_along_axis(self._fitted_to(X, outputs), targets[:, None], axis=1)[:, 0]
        return found._replace(outputs=log_odds)
