from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.utils import Bunch

from sklearn_xai import OcclusionExplainer, TrainingRecords
from sklearn_xai.base.findings import Findings, told
from sklearn_xai.model_selection import explanation_stability

EVIL = "<script>alert(1)</script>"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "None"),
        (True, "True"),
        (3, "3"),
        (0.123456, "0.1235"),
        (np.float32(2.5), "2.5"),
        (np.array(0.5), "0.5"),
        ("text", "'text'"),
        (["a", "b"], "['a', 'b']"),
        (list(range(1000)), "list of 1,000"),
        (np.array([1.0, 2.0]), "array (2,): 1, 2"),
        (np.array(["b", "a"]), "array (2,): b, a"),
        (np.arange(6.0).reshape(2, 3), "array (2, 3), mean 2.5, from 0 to 5"),
        (np.array([[1.0, np.nan, np.inf]]), "array (1, 3), mean 1, from 1 to 1, 2 not finite"),
        (np.full((2, 2), np.nan), "array (2, 2), nothing finite"),
        (np.eye(3, dtype=bool), "array (3, 3), 3 of 9 true"),
        (np.empty((0, 4)), "array (0, 4)"),
        (pd.DataFrame({"a": [1, 2], "b": [3, 4]}), "table of 2 rows: a, b"),
        (pd.DataFrame({str(j): [1] for j in range(8)}), "table of 1 rows: 0, 1, 2, 3, 4 and 3 more"),
        ({"a": {"b": 1.0}, "c": np.zeros((3, 3))}, "a: (b: 1), c: array (3, 3)"),
        ({}, ""),
        ("x\ny", r"'x\ny'"),
    ],
)
def test_what_is_told_of_a_value(value, text):
    assert told(value) == text


def test_a_line_is_never_long():
    for value in ("x" * 1000, {"a" * 500: "b" * 500}, pd.DataFrame(columns=["c" * 300]), [LogisticRegression()] * 9):
        assert len(told(value)) <= 100
        assert "\n" not in told(value)


def test_each_part_has_a_line():
    found = Findings(a=1, longer=np.zeros(9))
    assert repr(found).splitlines() == ["a       1", "longer  array (9,), mean 0, from 0 to 0"]
    assert repr(Findings()) == "nothing"


def test_html_is_escaped():
    found = Findings(**{EVIL: {EVIL: 1.0}, "table": pd.DataFrame({EVIL: [1]})})
    html = found._repr_html_()
    assert "<script>" not in html
    assert html.count("&lt;script&gt;") == 3


def test_it_is_a_bunch_that_can_be_pickled():
    found = pickle.loads(pickle.dumps(Findings(a=1)))
    assert isinstance(found, Bunch)
    assert found.a == found["a"] == 1
    assert repr(found) == "a  1"


def test_stability_is_read_at_a_glance():
    X = pd.DataFrame(np.random.RandomState(0).standard_normal((60, 3)), columns=["age", EVIL, "fare"])
    found = explanation_stability(
        OcclusionExplainer(LogisticRegression(), background_size=5), X, X["age"] > 0, cv=2, random_state=0
    )
    lines = repr(found).splitlines()
    assert [line.split()[0] for line in lines] == list(found)
    assert max(map(len, lines)) < 130
    assert "<script>" not in found._repr_html_()


def test_records_are_read_at_a_glance():
    seen = {"epoch": 2, "values": {"hidden": {"mean": 0.5}, "out": {"mean": 1.0}}, "overall": {"dead": 0.0}}
    records = TrainingRecords([seen, {**seen, "epoch": 4}], name="activations", place="layer")
    assert repr(records) == (
        "<TrainingRecords of activations: epochs 2 to 4 (2 recorded), 2 layers (hidden, out); "
        "to_frame() has the numbers>"
    )
    assert repr(TrainingRecords()) == "<TrainingRecords: no epoch, 0 places; to_frame() has the numbers>"
