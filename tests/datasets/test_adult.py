from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from sklearn_xai.datasets import load_adult

MISSING = {
    "train": {"workclass": 1836, "occupation": 1843, "native_country": 583},
    "test": {"workclass": 963, "occupation": 966, "native_country": 274},
    "all": {"workclass": 2799, "occupation": 2809, "native_country": 857},
}
N_ROWS = {"train": 32561, "test": 16281, "all": 48842}
N_RICH = {"train": 7841, "test": 3846, "all": 11687}


@pytest.fixture(scope="module")
def adult():
    return load_adult()


@pytest.mark.parametrize("split", ["train", "test", "all"])
def test_rows_labels_and_missing_values_of_each_split(split):
    X, y = load_adult(return_X_y=True, split=split)
    assert X.shape == (N_ROWS[split], 14)
    assert y.value_counts().to_dict() == {"<=50K": N_ROWS[split] - N_RICH[split], ">50K": N_RICH[split]}
    missing = X.isna().sum()
    assert missing[missing > 0].to_dict() == MISSING[split]
    assert list(X.index) == list(y.index) == list(range(N_ROWS[split]))


def test_default_is_the_training_split(adult):
    assert len(adult.data) == 32561


def test_all_is_train_then_test(adult):
    both, test = load_adult(split="all"), load_adult(split="test")
    pd.testing.assert_frame_equal(both.frame, pd.concat([adult.frame, test.frame], ignore_index=True))


def test_bunch_says_what_each_column_is(adult):
    assert sorted(adult.categorical_features + adult.numeric_features) == sorted(adult.feature_names)
    assert list(adult.data.columns) == adult.feature_names
    assert all(pd.api.types.is_integer_dtype(adult.data[name]) for name in adult.numeric_features)
    for name in adult.categorical_features:
        assert {type(value) for value in adult.data[name].dropna()} == {str}
    assert set(adult.protected) == {"race", "sex"}
    assert adult.target_names == sorted(set(adult.target))
    assert adult.target.name == "income"
    assert list(adult.frame.columns) == [*adult.feature_names, "income"]


def test_arrays_hold_the_same_values(adult):
    arrays = load_adult(as_frame=False)
    assert arrays.frame is None
    assert arrays.data.dtype == arrays.target.dtype == np.dtype(object)
    restored = pd.DataFrame(arrays.data, columns=arrays.feature_names, dtype=object)
    pd.testing.assert_frame_equal(restored, adult.data.astype(object))
    np.testing.assert_array_equal(arrays.target, adult.target)
    assert type(arrays.data[0, 0]) is int


@pytest.mark.parametrize("as_frame", [True, False])
def test_categories_go_through_imputer_and_encoder(adult, as_frame):
    X = adult.data[["workclass", "sex"]].head(500)
    X = X if as_frame else X.to_numpy(dtype=object)
    encoder = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(sparse_output=False))
    encoded = encoder.fit_transform(X)
    np.testing.assert_array_equal(encoded.sum(axis=1), 2)
    assert not any(pd.isna(value) for categories in encoder[-1].categories_ for value in categories)


def test_source_and_licence_are_shipped_beside_the_data(adult):
    for words in ("10.24432/C5XW20", "CC BY 4.0", "Becker", "Kohavi", "survey weight"):
        assert words in adult.DESCR


def test_two_loads_share_no_memory(adult):
    changed = load_adult()
    changed.data.loc[0, "age"] = -1
    assert adult.data.loc[0, "age"] == load_adult().data.loc[0, "age"] == 39


@pytest.mark.parametrize("split", ["valid", None, 3, ["train"]])
def test_unknown_split_says_what_would_do(split):
    with pytest.raises(ValueError, match="'split' parameter of load_adult must be 'train', 'test' or 'all'. Got "):
        load_adult(split=split)


@pytest.mark.parametrize("name", ["return_X_y", "as_frame"])
def test_a_switch_must_be_a_bool(name):
    with pytest.raises(ValueError, match=f"'{name}' parameter of load_adult must be True or False. Got 'yes'"):
        load_adult(**{name: "yes"})
