"""What every metric says of a call that cannot be meant: one message that names the parameter, what came and a way."""

from __future__ import annotations

import re

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from sklearn_xai import InputXGradientExplainer
from sklearn_xai.metrics import METRICS
from sklearn_xai.model_selection import ExplainerSelector
from tests.metrics.every_metric import TABLE_NAMES, table_case

every_metric = pytest.mark.parametrize("name", TABLE_NAMES)


def call(name, explainer, **options):
    case = table_case()
    needs = {need: case.needs[need] for need in METRICS[name].needs}
    return METRICS[name].function(explainer, case.X, **needs, **options)


@every_metric
def test_only_an_explainer_is_judged(name):
    model = table_case().explainer.estimator_
    start = re.escape(f"The 'explainer' parameter of {name} must be a fitted explainer")
    with pytest.raises(TypeError, match=start + ".*Got Sequential.$"):
        call(name, model)
    with pytest.raises(TypeError, match=start + ".*Got the class InputXGradientExplainer.$"):
        call(name, InputXGradientExplainer)
    pipeline = make_pipeline(StandardScaler(), InputXGradientExplainer(model))
    with pytest.raises(TypeError, match=start + ".*Got Pipeline. Give its last step, and X as it reaches that"):
        call(name, pipeline)


@every_metric
def test_an_explainer_is_fitted_first(name):
    with pytest.raises(NotFittedError, match="InputXGradientExplainer instance is not fitted yet"):
        call(name, InputXGradientExplainer(nn.Linear(5, 3)))


def test_a_selector_has_an_explainer():
    selector = ExplainerSelector({"slope": table_case().explainer})
    selector.best_explainer_ = table_case().explainer
    with pytest.raises(TypeError, match="Got ExplainerSelector. Its best_explainer_ is one"):
        call("sparseness", selector)


@every_metric
@pytest.mark.parametrize(
    ("cut", "message"),
    [
        (lambda a: a[:, :3], "as InputXGradientExplainer gives them, 5 numbers for each row. Got 3, of shape (6, 3)"),
        (lambda a: a[:2], "one row for each of the 6 rows of X. Got shape (2, 5)"),
        (lambda a: a[0], "numbers of shape (n_samples, ...)"),
        (lambda a: "mean", "Got str of shape () and type <U4"),
        (lambda a: np.where(np.arange(5) == 2, np.nan, a), "finite. Got NaN or infinity in 6 rows, first in row 0"),
    ],
)
def test_attributions_are_as_the_explainer_gives_them(name, cut, message):
    given = cut(table_case().attributions)
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        call(name, table_case().explainer, attributions=given)
    assert name in str(caught.value) and "attributions" in str(caught.value)


def test_attributions_of_all_outputs_are_as_the_explainer_gives_them():
    case = table_case("all")
    message = "15 numbers for each row for the 3 outputs. Got 5, of shape (6, 5)"
    with pytest.raises(ValueError, match=re.escape(message)):
        METRICS["sparseness"].function(case.explainer, case.X, attributions=case.attributions[:, :5])


def test_channels_that_were_added_up_cannot_be_removed_one_by_one():
    X = np.random.RandomState(0).rand(4, 2, 3, 3)
    explainer = InputXGradientExplainer(nn.Sequential(nn.Flatten(), nn.Linear(18, 2)).double(), target=0).fit(X)
    summed = explainer.transform(X).sum(axis=1, keepdims=True)
    assert 0 <= METRICS["sparseness"].function(explainer, X, attributions=summed) <= 1
    message = "'attributions' parameter of deletion_auc must hold one number for each of the 18 players .* Got 9 a row"
    with pytest.raises(ValueError, match=message):
        METRICS["deletion_auc"].function(explainer, X, attributions=summed)
