"""Every explainer, found by discovery, goes through every check of scikit-learn."""

from __future__ import annotations

import warnings

import pytest
import torch
from sklearn.frozen import FrozenEstimator
from sklearn.utils import estimator_checks as checks
from sklearn.utils.estimator_checks import estimator_checks_generator

from tests.every_explainer import CLASSES, fast
from tests.nets import AnySize, LazyMLP, classifier, regressor, table


def lazy_classifier():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # lazy layers call themselves new
        return classifier(LazyMLP, callbacks=None)


def frozen_regressor():
    """Return a fitted net that is never trained again, and takes tables of any width, as the checks vary it."""
    X, y, _ = table()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # the same weights in each run: where a draw falls on a kink is a matter of rounding
        return FrozenEstimator(regressor(AnySize, callbacks=None).fit(X, y.reshape(-1, 1)))


TRAINED = {"classifier": classifier, "regressor": regressor, "lazy": lazy_classifier}
ALWAYS = "classifier"  # the others of the trained are slow tests, as is said by their mark


def marks_of(kind):
    return [] if kind == ALWAYS else [pytest.mark.slow]


def whole_suite():
    """Yield (explainer, check) of the suite, for trained nets, and for a frozen one."""
    for cls in CLASSES:
        for kind, net in TRAINED.items():
            for estimator, check in estimator_checks_generator(fast(cls, net())):
                yield named(estimator, check, kind, marks_of(kind))
        # The hash of the parameters is taken before and after fit, through deep copies: that of a torch module changes.
        reason = {"check_estimators_overwrite_params": "the hash of a torch module is not that of its copy"}
        for estimator, check in estimator_checks_generator(fast(cls, frozen_regressor())):
            marks = [pytest.mark.xfail(reason=reason[name_of(check)])] if name_of(check) in reason else []
            yield named(estimator, check, "frozen", marks)


def name_of(check):
    return getattr(check, "func", check).__name__


def named(estimator, check, kind, marks=()):
    options = "-".join(f"{key}={value}" for key, value in sorted(getattr(check, "keywords", {}).items()))
    label = "-".join(filter(None, [type(estimator).__name__, kind, name_of(check), options]))
    return pytest.param(estimator, check, id=label, marks=marks)


@pytest.mark.filterwarnings("ignore:Lazy modules are a new feature:UserWarning")
@pytest.mark.parametrize(("estimator", "check"), [*whole_suite()])
def test_scikit_learn_suite(estimator, check):
    check(estimator)


# Checks that scikit-learn has and that its suite leaves out.
OUTSIDE = [
    "check_set_output_transform",
    "check_set_output_transform_pandas",
    "check_global_output_transform_pandas",
    "check_transformer_get_feature_names_out",
    "check_transformer_get_feature_names_out_pandas",
    "check_get_feature_names_out_error",
    "check_dataframe_column_names_consistency",
    "check_param_validation",
    "check_n_features_in_after_fitting",
    "check_estimators_partial_fit_n_features",
    "check_inplace_ensure_writeable",
    "check_fit_check_is_fitted",
]


@pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names:UserWarning")
@pytest.mark.parametrize("kind", [pytest.param(kind, marks=marks_of(kind)) for kind in [*TRAINED][:2]])
@pytest.mark.parametrize("check", [name for name in OUTSIDE if hasattr(checks, name)])
@pytest.mark.parametrize("cls", CLASSES)
def test_outside_the_suite(cls, check, kind):
    getattr(checks, check)(cls.__name__, fast(cls, TRAINED[kind]()))
