"""What a network predicts when its weights are not known for sure."""

from __future__ import annotations

from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, MetaEstimatorMixin, is_classifier
from sklearn.metrics import accuracy_score, r2_score
from sklearn.pipeline import Pipeline
from sklearn.utils import Bunch, ClassifierTags, RegressorTags, get_tags
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from sklearn_xai._checks import check_whole
from sklearn_xai._compat import Interval, StrOptions, available_if, fit_context
from sklearn_xai._rng import own_random_state
from sklearn_xai._typing import Rows, Seed
from sklearn_xai.base.checks import check_no_nan, check_rows, is_trained
from sklearn_xai.base.fitting import FitsEstimator
from sklearn_xai.models import Network, is_module, is_network, split_pipeline, unwrap
from sklearn_xai.models.uncertainty import entropy, mean_log_probabilities
from sklearn_xai.output._calibration import calibration_summary
from sklearn_xai.output._network_of import network_of
from sklearn_xai.output._weight_samples import METHODS, TRAINED
from sklearn_xai.tables import take_rows

if TYPE_CHECKING:
    import pandas as pd

_CHUNK_NUMBERS = 2**20  # rows times draws at once
_FEWEST_FOR_NOISE = 2


class PredictiveDistribution(FitsEstimator, MetaEstimatorMixin, BaseEstimator):
    r"""How sure is a network, and is it unsure for lack of data or for noise in them?

    The weights of a network are not known for sure: given data :math:`D` they have a distribution. What the network
    predicts is then the mean over it,

    .. math::

        p(y \mid x, D) = \int p(y \mid x, w)\, p(w \mid D)\, dw \approx \frac1S \sum_{s=1}^S p(y \mid x, w_s),

    with :math:`w_s` drawn once, in ``fit``. The entropy :math:`H` of the mean, in nats, has two parts,

    .. math::

        \underbrace{H\Bigl[\tfrac1S \textstyle\sum_s p_s\Bigr]}_{\text{total}}
        = \underbrace{\tfrac1S \textstyle\sum_s H[p_s]}_{\text{aleatoric}}
        + \underbrace{\tfrac1S \textstyle\sum_s \mathrm{KL}[p_s \,\|\, \bar p]}_{\text{epistemic}} ;

    the first is noise that no data would remove, the second (the mutual information of label and weights) how much the
    draws disagree. Of a regressor they are variances: that of the noise, the same for all rows, and that of the draws'
    predictions.

    It is an estimator like any other, and every explainer takes it for one network, the mean of its draws: with
    ``output="entropy"``, ``"aleatoric"`` or ``"epistemic"`` explainers tell which columns make it unsure.

    Parameters
    ----------
    estimator : skorch net, torch.nn.Module or Pipeline that ends in one
        The preprocessing of a Pipeline is fitted once, and shared by all draws.
    method : {"ensemble", "mc_dropout", "swag", "laplace_last_layer"}, default="ensemble"
        Where draws of the weights come from. "ensemble": nets trained from different seeds. "mc_dropout": the
        network's own dropout, by masks that are the same for all rows, so that a row's prediction is always the same.
        "swag": a normal distribution around the mean of the weights after each of more epochs of gradient descent at a
        constant learning rate, of the covariance that these have (half of it diagonal, half of low rank).
        "laplace_last_layer": a normal distribution of the last layer's weights, whose covariance is the inverse of the
        generalised Gauss-Newton matrix of the rows given to ``fit``, plus the prior precision.
    likelihood : {"auto", "categorical", "gaussian"}, default="auto"
        Whether the outputs are scores of classes, or numbers. "auto" is "categorical" for a classifier; of a plain
        module, which does not say, it is "gaussian".
    n_samples : int, default=30
        Draws of the weights, for all methods but "ensemble".
    n_members : int, default=5
        Nets of an "ensemble".
    n_epochs : int, default=20
        Further epochs of "swag".
    learning_rate : float, default=None
        That of the further epochs (momentum 0.9). None is that of the net.
    rank : int, default=10
        Weights, of the last epochs, that the low-rank part of "swag" is made of.
    prior_precision : float or "auto", default="auto"
        Of "laplace_last_layer": one over the prior variance of each weight. "auto" maximises the marginal likelihood.
    validation_fraction : float, default=0.1
        Share of the rows that a regressor is not trained on, from whose errors the noise variance is found. Not for
        "laplace_last_layer", which finds it by the marginal likelihood, nor where nothing is trained: then it is found
        from all rows given to ``fit`` with y, which should not be those of the training.
    batch_size : int, default=None
        Rows at once. None fits the work into a bounded memory.
    random_state : int, RandomState instance or None, default=None
        Seeds the training and the draws.

    Attributes
    ----------
    estimator_ : estimator
        The trained estimator; the first one of an ensemble.
    classes_ : ndarray of shape (n_classes,)
        Labels; only of a classifier.
    n_draws_ : int
    noise_variance_ : ndarray of shape (n_outputs,)
        Of a regressor; NaN where ``fit`` was given no y.
    posterior_ : object or None
        The distribution of weights of "swag" (``mean``, ``covariance``, ``variance``, ``deviations``) and
        "laplace_last_layer" (``mean``, ``covariance``, ``prior_precision``).
    network_pipeline_ : torch.nn.Module or Pipeline
        All draws as one module, behind the preprocessing: what explainers look at.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features,)

    Raises
    ------
    ValueError
        In ``fit``, where the method does not suit the network: no dropout, no Linear layer at its end, nothing to
        train.

    See Also
    --------
    sklearn.calibration.CalibratedClassifierCV : Makes probabilities fit held-out labels; takes this for its estimator.

    Notes
    -----
    Misleads when the draws are of one kind of doubt: all of them are networks of one architecture trained on the same
    rows, and may agree, and be wrong, far away from them. Which part is called noise depends on the network too: what
    it cannot fit looks like noise.

    Cost: ``n_samples`` forward passes a row, ``n_members`` with an ensemble, which is trained as many times. The other
    methods train once, and then pass over the training rows to find the distribution.

    References
    ----------
    MacKay, D. J. C. (1992). A Practical Bayesian Framework for Backpropagation Networks.

    Gal, Y. and Ghahramani, Z. (2016). Dropout as a Bayesian Approximation: Representing Model Uncertainty in Deep
    Learning.

    Lakshminarayanan, B., Pritzel, A. and Blundell, C. (2017). Simple and Scalable Predictive Uncertainty Estimation
    using Deep Ensembles.

    Ritter, H., Botev, A. and Barber, D. (2018). A Scalable Laplace Approximation for Neural Networks.

    Depeweg, S., Hernandez-Lobato, J. M., Doshi-Velez, F. and Udluft, S. (2018). Decomposition of Uncertainty in
    Bayesian Deep Learning for Efficient and Risk-sensitive Learning.

    Maddox, W. J., Garipov, T., Izmailov, P., Vetrov, D. and Wilson, A. G. (2019). A Simple Baseline for Bayesian
    Uncertainty in Deep Learning.

    Daxberger, E., Kristiadi, A., Immer, A., Eschenhagen, R., Bauer, M. and Hennig, P. (2021). Laplace Redux -
    Effortless Bayesian Deep Learning.

    Examples
    --------
    >>> import numpy as np
    >>> from skorch import NeuralNetClassifier
    >>> from torch import nn
    >>> from sklearn_xai import IntegratedGradientsExplainer, PredictiveDistribution
    >>> X = np.random.RandomState(0).randn(60, 3).astype(np.float32)
    >>> y = np.where(X[:, 0] > 0, "yes", "no")
    >>> net = NeuralNetClassifier(
    ...     nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2)), criterion=nn.CrossEntropyLoss,
    ...     max_epochs=5, train_split=None, verbose=0
    ... )
    >>> unsure = PredictiveDistribution(net, method="laplace_last_layer", random_state=0).fit(X, y)
    >>> unsure.uncertainty(X).columns.tolist()
    ['total', 'aleatoric', 'epistemic']
    >>> explainer = IntegratedGradientsExplainer(unsure, output="epistemic", random_state=0).fit(X)
    >>> explainer.transform(X).shape
    (60, 3)
    """

    _probing = False

    _parameter_constraints: dict = {
        "estimator": "no_validation",
        "method": [StrOptions(set(METHODS))],
        "likelihood": [StrOptions({"auto", "categorical", "gaussian"})],
        "n_samples": [Interval(Integral, 1, None, closed="left")],
        "n_members": [Interval(Integral, 1, None, closed="left")],
        "n_epochs": [Interval(Integral, 2, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither"), None],
        "rank": [Interval(Integral, 1, None, closed="left")],
        "prior_precision": [Interval(Real, 0, None, closed="neither"), StrOptions({"auto"})],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "batch_size": [Interval(Integral, 1, None, closed="left"), None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator: Any,
        *,
        method: Literal["ensemble", "mc_dropout", "swag", "laplace_last_layer"] = "ensemble",
        likelihood: Literal["auto", "categorical", "gaussian"] = "auto",
        n_samples: int = 30,
        n_members: int = 5,
        n_epochs: int = 20,
        learning_rate: float | None = None,
        rank: int = 10,
        prior_precision: float | Literal["auto"] = "auto",
        validation_fraction: float = 0.1,
        batch_size: int | None = None,
        random_state: Seed = None,
    ) -> None:
        self.estimator = estimator
        self.method = method
        self.likelihood = likelihood
        self.n_samples = n_samples
        self.n_members = n_members
        self.n_epochs = n_epochs
        self.learning_rate = learning_rate
        self.rank = rank
        self.prior_precision = prior_precision
        self.validation_fraction = validation_fraction
        self.batch_size = batch_size
        self.random_state = random_state

    # ------------------------------------------------------------------ fit
    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Rows, y: ArrayLike | None = None) -> Self:
        """Train a clone of the estimator on (X, y), or take it as it stands, and draw weights.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features), or array of shape (n_samples, ...)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            With y, a clone of ``estimator`` is trained (a FrozenEstimator or a torch module never is). Without y,
            ``estimator`` must be fitted: "mc_dropout" then takes it as it stands, and so does "laplace_last_layer" of a
            classifier, for which X should be the rows of its training.

        Returns
        -------
        self : PredictiveDistribution
        """
        self._check_method(y)
        X, y, _, rng = self._fit_estimator(X, y, {})
        if self._model.network is None:
            raise ValueError(
                f"The 'estimator' parameter of {type(self).__name__} must be a skorch net, a torch.nn.Module, or a "
                f"Pipeline that ends in one. Got {type(split_pipeline(self.estimator_)[1]).__name__}."
            )
        inputs = self._model.inputs(X)
        held, trained = self._held_out, np.setdiff1d(np.arange(len(X)), self._held_out)
        del self._held_out
        final, caller = unwrap(split_pipeline(self.estimator_)[1]), type(self).__name__
        network = network_of(final, inputs, self._model.network.layout, gaussian=self._gaussian, caller=caller)
        known = None if y is None else np.asarray(y)
        if known is not None and self._gaussian:
            known = known.reshape(len(known), -1).astype(np.float64)
        elif known is not None and network.classes is None:
            network.classes = np.unique(known)  # a plain module knows no labels
        module, self.posterior_ = METHODS[self.method](
            self, network, inputs[trained], known if known is None else known[trained], rng
        )
        self._draws = Network(module, inputs[:8], layout=network.layout, caller=caller)
        self.n_draws_ = self.n_members if self.method == "ensemble" else self.n_samples
        if self._gaussian:
            self.noise_variance_ = self._find_noise(inputs, known, held)
        return self

    def _check_method(self, y):
        name, final = type(self).__name__, split_pipeline(self.estimator)[1]
        stands = unwrap(self.estimator) is not self.estimator or is_module(final) or y is None
        if self.method in TRAINED and stands:
            without = f" {name} requires y to be passed, but the target y is None." if y is None else ""
            raise ValueError(
                f"The 'method' parameter of {name} is {self.method!r}, which trains nets: a FrozenEstimator and a "
                f"torch module are never trained, and nothing is without y. Got {type(self.estimator).__name__}. Call "
                f"fit(X, y) of a skorch net, or use method='mc_dropout' or 'laplace_last_layer'.{without}"
            )
        if self.method == "laplace_last_layer" and self._gaussian and y is None:
            raise ValueError(
                f"The 'method' parameter of {name} is 'laplace_last_layer', which needs y for the noise of a "
                f"regressor: call fit(X, y). {name} requires y to be passed, but the target y is None."
            )

    @property
    def _gaussian(self):
        if self.likelihood != "auto":
            return self.likelihood == "gaussian"
        return isinstance(unwrap(self.estimator), torch.nn.Module) or not is_classifier(self.estimator)

    def _fitted_estimator(self, X, y, fit_params):
        """Train on all rows but those that the noise of a regressor is found from."""
        trains = y is not None and unwrap(self.estimator) is self.estimator
        trains &= not is_module(split_pipeline(self.estimator)[1])
        if y is not None and not self._gaussian:
            check_classification_targets(y)
        self._held_out = np.arange(0)
        if trains and self._gaussian and self.method != "laplace_last_layer":
            order = own_random_state(self.random_state).permutation(len(X))
            most = len(X) - 1
            self._held_out = np.sort(order[: min(most, max(_FEWEST_FOR_NOISE, int(self.validation_fraction * len(X))))])
            kept = np.setdiff1d(np.arange(len(X)), self._held_out)
            X, y = take_rows(X, kept), y[kept] if isinstance(y, np.ndarray) else take_rows(y, kept)
        return super()._fitted_estimator(X, y, fit_params)

    def _find_noise(self, inputs, y, held):
        """Return the variance of what no weights explain: of held-out errors, less that of the draws."""
        if self.method == "laplace_last_layer":
            return self.posterior_.noise_variance
        if y is None:
            return np.full(self._draws.n_outputs, np.nan)
        rows = held if len(held) else np.arange(len(inputs))
        parts = [(draws.mean(axis=1), draws.var(axis=1)) for draws in self._run(inputs[rows])]
        mean, spread = (np.concatenate(part) for part in zip(*parts, strict=True))
        return np.maximum(((y[rows] - mean) ** 2 - spread).mean(axis=0), 0)

    # ------------------------------------------------------------------ what the draws say
    def _run(self, inputs):
        """Yield what the draws say of rows, a few at a time: (n_rows, n_draws, n_outputs), float64."""
        step = self.batch_size or max(16, _CHUNK_NUMBERS // (self.n_draws_ * max(1, int(np.prod(inputs.shape[1:])))))
        for start in range(0, len(inputs), step):
            with self._draws.frozen(), torch.no_grad():
                found = self._draws.draws(self._draws.tensor(inputs[start : start + step]))
            yield found.cpu().double().numpy()

    def _summaries(self, X, summary):
        check_is_fitted(self)
        X = check_rows(self, X, reset=False)
        found, is_nan = [], []
        for draws in self._run(self._model.inputs(X)):
            found.append(summary(draws))
            is_nan.append(np.isnan(draws).any(axis=(1, 2)))
        check_no_nan(type(self).__name__, "what is predicted", np.concatenate(is_nan), X, self._column_names())
        return np.concatenate(found)

    @property
    def network_pipeline_(self) -> Any:
        """All draws as one torch module, behind the preprocessing, if there is any."""
        if not hasattr(self, "_draws"):
            raise AttributeError(f"This {type(self).__name__} is not fitted yet and has no network_pipeline_.")
        steps = split_pipeline(self.estimator_)[0]
        return Pipeline([*steps, ("draws", self._draws.module)]) if steps else self._draws.module

    @property
    def classes_(self) -> np.ndarray:
        """Labels of the classes, shape (n_classes,); only of a classifier."""
        check_is_fitted(self)
        if self._gaussian:
            raise AttributeError(f"This {type(self).__name__} is not a classifier and has no classes_.")
        return self._draws.classes

    def predict_distribution(self, X: Rows) -> np.ndarray:
        """Return what each draw of the weights predicts.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)

        Returns
        -------
        draws : ndarray of shape (n_draws, n_samples, n_classes), or of a regressor (n_draws, n_samples[, n_outputs])
            Probabilities, or predictions.
        """
        draws = self._summaries(X, lambda part: part if self._gaussian else np.exp(part)).transpose(1, 0, 2)
        return draws[:, :, 0] if self._gaussian and draws.shape[2] == 1 else draws

    @available_if(lambda self: not self._gaussian)
    def predict_proba(self, X: Rows) -> np.ndarray:
        """Return the mean probabilities of ``classes_``, shape (n_samples, n_classes).

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
        """
        proba = self._summaries(X, lambda draws: np.exp(draws).mean(axis=1))
        return proba / proba.sum(axis=1, keepdims=True)

    def predict(self, X: Rows, return_std: bool = False) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """Return the label of the greatest mean probability, or the mean prediction, for each row.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
        return_std : bool, default=False
            Whether to return the standard deviation of the prediction too, noise included; of a regressor.

        Returns
        -------
        predicted : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        std : ndarray of the same shape, with ``return_std=True``
        """
        if not self._gaussian:
            if return_std:
                raise ValueError(
                    f"The 'return_std' parameter of {type(self).__name__}.predict is True, which is for a regressor. "
                    "Of a classifier, uncertainty(X) gives the entropy and its parts."
                )
            return self.classes_[self.predict_proba(X).argmax(axis=1)]
        both = self._summaries(X, lambda draws: np.stack([draws.mean(axis=1), draws.var(axis=1)], axis=1))
        mean, variance = both[:, 0], both[:, 1] + self.noise_variance_
        found = [part[:, 0] if part.shape[1] == 1 else part for part in (mean, np.sqrt(variance))]
        return tuple(found) if return_std else found[0]

    def uncertainty(self, X: Rows) -> pd.DataFrame:
        """Return how unsure each prediction is, and the parts of it.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)

        Returns
        -------
        DataFrame of shape (n_samples, 3)
            Columns "total", "aleatoric" and "epistemic", which is never negative. Of a classifier: entropy of the mean
            probabilities, mean entropy of the draws' and mutual information, in nats. Of a regressor: variances, in
            squared units of y (added up over several outputs); the aleatoric one is ``noise_variance_`` for all rows,
            and NaN where ``fit`` was given no y.
        """
        import pandas as pd

        found = self._summaries(X, self._variances if self._gaussian else _entropies)
        index = X.index if hasattr(X, "index") and not callable(X.index) else None
        return pd.DataFrame(found, columns=["total", "aleatoric", "epistemic"], index=index)

    def _variances(self, draws):
        epistemic = draws.var(axis=1).sum(axis=1)
        aleatoric = np.full(len(draws), self.noise_variance_.sum())
        return np.column_stack([epistemic + aleatoric, aleatoric, epistemic])

    @available_if(lambda self: not self._gaussian)
    def calibration(self, X: Rows, y: ArrayLike, *, n_bins: int = 10) -> Bunch:
        r"""Return how often predictions of a given confidence are right.

        The expected calibration error is :math:`\sum_b \frac{n_b}{n} |\mathrm{acc}(b) - \mathrm{conf}(b)|` over bins
        of equal width of the confidence, the mean probability of the predicted class.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Rows that were not trained on.
        y : array-like of shape (n_samples,)
            Their labels.
        n_bins : int, default=10

        Returns
        -------
        summary : Bunch
            ``table`` (DataFrame with a row for each bin that is not empty: "from", "to", mean "confidence", "accuracy",
            "n_rows"), ``ece``, ``brier`` (of two classes the mean squared error of the second's probability, of more
            the sum over classes) and ``log_loss`` (nats a row).

        References
        ----------
        Naeini, M. P., Cooper, G. F. and Hauskrecht, M. (2015). Obtaining Well Calibrated Probabilities Using Bayesian
        Binning.

        Guo, C., Pleiss, G., Sun, Y. and Weinberger, K. Q. (2017). On Calibration of Modern Neural Networks.
        """
        y, proba, caller = np.asarray(y), self.predict_proba(X), f"{type(self).__name__}.calibration"
        check_whole(n_bins, "n_bins", caller)
        if y.shape != (len(proba),):
            raise ValueError(f"The 'y' parameter of {caller} must hold {len(proba)} labels. Got shape {y.shape}.")
        strange = sorted({str(label) for label in set(y.tolist()) - set(self.classes_.tolist())})
        if strange:
            raise ValueError(
                f"The 'y' parameter of {caller} holds {strange[:5]}, which fit has not seen. The classes are "
                f"{self.classes_.tolist()}."
            )
        return calibration_summary(y, proba, self.classes_, n_bins)

    def score(self, X: Rows, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return the accuracy of a classifier, the R2 of a regressor.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        score : float
        """
        return (r2_score if self._gaussian else accuracy_score)(y, self.predict(X), sample_weight=sample_weight)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        if self._gaussian:
            tags.estimator_type, tags.regressor_tags = "regressor", RegressorTags()
            tags.target_tags.multi_output = True
        else:
            tags.estimator_type, tags.classifier_tags = "classifier", ClassifierTags()
        tags.target_tags.required = self.method in TRAINED or not is_trained(self.estimator)
        if not is_network(self.estimator) and hasattr(self.estimator, "__sklearn_tags__"):
            inner = get_tags(self.estimator).input_tags
            tags.input_tags.allow_nan = inner.allow_nan
            tags.input_tags.categorical, tags.input_tags.string = inner.categorical, inner.string
        return tags


def _entropies(draws):
    log_p = torch.as_tensor(draws)
    total = entropy(mean_log_probabilities(log_p))
    aleatoric = entropy(log_p).mean(dim=1).minimum(total)  # Jensen's inequality, but for rounding
    return torch.cat([total, aleatoric, total - aleatoric], dim=1).numpy()
