"""What looks inside networks, and at their output, goes through every check of scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.utils import estimator_checks as checks
from sklearn.utils.estimator_checks import estimator_checks_generator

from sklearn_xai import ConceptActivationVectors, LayerActivations
from tests.nets import classifier, regressor
from tests.test_common import OUTSIDE, TRAINED, frozen_regressor, name_of, named


class Vectors(ConceptActivationVectors):
    """Takes the concepts that scikit-learn's checks have not: every second row."""

    def fit(self, X, y=None, **fit_params):
        return super().fit(X, y, concepts=every_second, **fit_params)


def every_second(rows):
    """Return one concept, which half of the rows show."""
    return (np.arange(len(rows)) % 2 == 0)[:, np.newaxis]


ESTIMATORS = {
    "LayerActivations": lambda net: LayerActivations(net, random_state=0),
    "Vectors": lambda net: Vectors(net, n_runs=2, random_state=0),
}


def whole_suite():
    """Yield (estimator, check) of the suite, for trained nets, and for a frozen one."""
    for name, make in ESTIMATORS.items():
        for kind, net in TRAINED.items() if name == "LayerActivations" else [("classifier", classifier)]:
            for estimator, check in estimator_checks_generator(make(net())):
                yield named(estimator, check, kind)
        reason = {"check_estimators_overwrite_params": "the hash of a torch module is not that of its copy"}
        for estimator, check in estimator_checks_generator(make(frozen_regressor())):
            marks = [pytest.mark.xfail(reason=reason[name_of(check)])] if name_of(check) in reason else []
            yield named(estimator, check, "frozen", marks)


@pytest.mark.filterwarnings("ignore:Lazy modules are a new feature:UserWarning")
@pytest.mark.parametrize(("estimator", "check"), [*whole_suite()])
def test_scikit_learn_suite(estimator, check):
    check(estimator)


@pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names:UserWarning")
@pytest.mark.parametrize("net", [regressor, classifier])
@pytest.mark.parametrize("check", [name for name in OUTSIDE if hasattr(checks, name)])
@pytest.mark.parametrize("name", list(ESTIMATORS))
def test_outside_the_suite(name, check, net):
    getattr(checks, check)(name, ESTIMATORS[name](net()))
