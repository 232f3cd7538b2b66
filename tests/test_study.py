"""The study in docs/ is complete, its page says what its results say, and its parts do what they say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from docs.study.__main__ import compared, judge
from docs.study.sets import SETS, linear
from docs.study.tables import CONTROL, TRUTH, read_results, verdicts, write_page
from sklearn_xai import all_explainers
from sklearn_xai.metrics import METRICS

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture(scope="module")
def results():
    return read_results(DOCS / "study" / "results.csv")


def test_every_explainer_is_judged_by_every_metric_on_every_set(results):
    assert set(results["set"]) == {make.__name__ for make in SETS}
    for name, part in results.groupby("set"):
        inputs = "image" if name in ("digits", "images") else "table"
        explainers = {explainer for explainer, _ in all_explainers(inputs=inputs)}
        assert set(part["explainer"]) - {TRUTH} == explainers, "run python -m docs.study"
        metrics = {metric.name for metric in METRICS.values() if inputs in metric.inputs}
        assert set(part["metric"]) - {"(explain)"} == metrics, "run python -m docs.study"
        assert len(part) == part["explainer"].nunique() * part["metric"].nunique()


def test_a_score_or_a_reason(results):
    judged = results[results["metric"] != "(explain)"]
    assert (np.isfinite(judged["score"]) ^ judged["why"].notna()).all()


def test_the_page_says_what_the_results_say(results, tmp_path):
    page = DOCS / "study.md"
    copy = tmp_path / "study.md"
    copy.write_text(page.read_text())
    write_page(results, copy)
    assert copy.read_text() == page.read_text(), "run python -m docs.study"


def test_truth_and_control_are_told_apart():
    study = linear()
    records = [record for name in (CONTROL, TRUTH, "SaliencyExplainer") for record in judge(study, name)]
    table = verdicts(compared([record for record in records if record["metric"] != "(explain)"]))
    table = table.set_index(["explainer", "metric"])
    for metric in ("faithfulness_correlation", "deletion_auc", "rank_correlation", "relevance_mass_accuracy"):
        assert table.loc[(TRUTH, metric), "verdict"] == 1
        assert table.loc[(CONTROL, metric), "verdict"] == 0
    assert table.loc[(TRUTH, "max_sensitivity"), "why"] == "needs an explainer"
    assert table.loc[("SaliencyExplainer", "max_sensitivity"), "verdict"] == 1
    assert table.loc[("SaliencyExplainer", "deletion_auc"), "control"] == table.loc[(CONTROL, "deletion_auc"), "score"]
