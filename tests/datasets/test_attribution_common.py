"""What all generators with known attributions have in common."""

from __future__ import annotations

import pickle
import re

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from sklearn_xai import SaliencyExplainer
from sklearn_xai.datasets import (
    make_attribution_clusters,
    make_attribution_images,
    make_attribution_interactions,
    make_attribution_linear,
)
from tests.oracles import run

TABLES = [make_attribution_linear, make_attribution_interactions, make_attribution_clusters]
ALL = [*TABLES, make_attribution_images]

every = pytest.mark.parametrize("make", ALL, ids=lambda make: make.__name__)
every_table = pytest.mark.parametrize("make", TABLES, ids=lambda make: make.__name__)


@every
def test_three_arrays_and_the_model_when_asked_for(make):
    X, y, attributions = make(7, random_state=0)
    assert len(X) == len(y) == len(attributions) == 7
    *arrays, model = make(7, random_state=0, return_model=True)
    made = make(7, random_state=0, return_bunch=True)
    for array, one, other in zip(
        arrays, (X, y, attributions), (made.data, made.target, made.attributions), strict=True
    ):
        assert_array_equal(array, one)
        assert_array_equal(array, other)
    assert_array_equal(run(model, X), run(made.model, X))
    assert not model.training and not any(p.requires_grad for p in model.parameters())


@every
def test_a_seed_says_what_is_drawn(make):
    first, again, other = (make(20, random_state=seed) for seed in (3, 3, 4))
    for one, two, three in zip(first, again, other, strict=True):
        assert_array_equal(one, two)
        assert not np.array_equal(one, three)


@every
def test_no_generator_is_advanced(make):
    own = np.random.RandomState(5)
    before, torch_before = np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    from_own, from_global = make(5, random_state=own), make(5)
    assert_array_equal(make(5, random_state=own)[0], from_own[0])
    assert_array_equal(make(5, return_model=True)[0], from_global[0])
    assert_array_equal(own.get_state()[1], np.random.RandomState(5).get_state()[1])
    assert_array_equal(np.random.get_state()[1], before[1])  # noqa: NPY002
    assert np.random.get_state()[2] == before[2]  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), torch_before)


@every
def test_the_model_goes_through_pickle_and_clone(make):
    X, *_, model = make(6, random_state=0, return_model=True)
    assert_array_equal(run(pickle.loads(pickle.dumps(model)), X), run(model, X))
    explainer = SaliencyExplainer(model, target=0)
    assert_array_equal(clone(explainer).fit(X).transform(X), explainer.fit(X).transform(X))


@every
@pytest.mark.parametrize("dtype", ["float32", np.float64])
def test_rows_attributions_and_model_have_the_type_asked_for(make, dtype):
    X, _, attributions, model = make(6, dtype=dtype, random_state=0, return_model=True)
    assert X.dtype == run(model, X).dtype == np.dtype(dtype)
    assert attributions.dtype == (bool if make is make_attribution_images else np.dtype(dtype))
    assert_allclose(X, make(6, dtype=np.float64, random_state=0)[0], rtol=1e-6, atol=1e-6)


@every_table
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_attributions_sum_to_what_the_model_says_beyond_the_base_value(make, dtype):
    made = make(200, dtype=dtype, random_state=1, return_bunch=True)
    tolerance = 1e-4 if dtype is np.float32 else 1e-11
    assert_allclose(run(made.model, made.data)[:, 0], made.output, rtol=0, atol=tolerance)
    assert_allclose(made.attributions.sum(axis=1) + made.base_value, made.output, rtol=0, atol=tolerance)
    relevant = np.broadcast_to(made.relevant, made.data.shape)
    assert_array_equal(made.attributions[~relevant], 0)
    assert (~relevant).any() and (made.attributions[relevant] != 0).any()


@every_table
def test_the_label_is_drawn_after_the_rows(make):
    made = [
        make(500, task=task, noise=noise, random_state=2, return_bunch=True)
        for task, noise in [("regression", 0.0), ("regression", 2.0), ("threshold", 0.0), ("logistic", 0.0)]
    ]
    for other in made[1:]:
        assert_array_equal(other.data, made[0].data)
        assert_array_equal(other.attributions, made[0].attributions)
    exact, noisy, threshold, logistic = (one.target for one in made)
    assert_array_equal(exact, made[0].output)
    assert 1.8 < np.std(noisy - exact) < 2.2 and abs(np.mean(noisy - exact)) < 0.3
    assert_array_equal(threshold, exact > 0)
    assert set(np.unique(logistic)) == set(np.unique(threshold)) == {0, 1}
    chance = 1 / (1 + np.exp(-exact))
    standard_error = np.sqrt((chance * (1 - chance)).sum())
    assert abs(logistic.sum() - chance.sum()) < 4 * standard_error
    assert (logistic != threshold).any()


@every_table
def test_noise_of_any_size_gives_labels(make):
    y = make(50, task="logistic", noise=1e4, random_state=0)[1]
    assert set(y) == {0, 1}


@every
@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_samples": 0}, "'n_samples' parameter of {} must be an int of at least 1. Got 0"),
        ({"n_samples": 2.0}, "'n_samples' parameter of {} must be an int of at least 1. Got 2.0"),
        ({"n_samples": True}, "'n_samples' parameter of {} must be an int of at least 1. Got True"),
        ({"dtype": np.int64}, "'dtype' parameter of {} must be float32 or float64. Got <class 'numpy.int64'>"),
        ({"dtype": "none such"}, "'dtype' parameter of {} must be float32 or float64. Got 'none such'"),
        ({"dtype": None}, "'dtype' parameter of {} must be float32 or float64. Got None"),
        ({"noise": -0.1}, "'noise' parameter of {} must be a number in [0, "),
        ({"noise": np.nan}, "'noise' parameter of {} must be a number in [0, "),
        ({"noise": "loud"}, "'noise' parameter of {} must be a number in [0, "),
        ({"return_model": 1}, "'return_model' parameter of {} must be True or False. Got 1"),
        ({"return_bunch": "yes"}, "'return_bunch' parameter of {} must be True or False. Got 'yes'"),
    ],
)
def test_what_no_data_can_be_made_of(make, parameters, message):
    with pytest.raises(ValueError, match=re.escape(message.format(make.__name__))):
        make(**parameters)


@every_table
@pytest.mark.parametrize("task", ["classification", None, 3])
def test_an_unknown_task(make, task):
    expected = f"'task' parameter of {make.__name__} must be 'regression', 'threshold' or 'logistic'. Got {task!r}"
    with pytest.raises(ValueError, match=re.escape(expected)):
        make(task=task)
