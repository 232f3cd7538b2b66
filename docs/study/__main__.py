"""``python -m docs.study`` explains nine sets by every explainer of the package and judges them by every metric.

Writes ``docs/study/results.csv``, a line for each set, explainer and metric, and the tables of ``docs/study.md``.
"""

from __future__ import annotations

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from joblib import Parallel, delayed
from sklearn.frozen import FrozenEstimator

from docs.study.sets import SETS
from docs.study.tables import CONTROL, TRUTH, draw, read_results, write_page
from sklearn_xai import RandomExplainer, all_explainers
from sklearn_xai.metrics import METRICS

HERE = Path(__file__).parent

# What a method is given beside its defaults, where these take long on thousands of perturbed rows.
OPTIONS = {
    "CaptumExplainer": {"method_params": {"n_steps": 100}},
    "ForestExplainer": {"n_estimators": 20, "background_size": 10, "min_fidelity": None},
    "LinearSurrogateExplainer": {"min_fidelity": None},
    "LocalSurrogateExplainer": {"n_samples": 1000},
    "OcclusionExplainer": {"background_size": 30},
    "RuleSurrogateExplainer": {"min_fidelity": None},
    "SHAPExplainer": {"algorithm": "permutation", "background_size": 10},
    "ShapleyExplainer": {"background_size": 30},
    "TreeSurrogateExplainer": {"min_fidelity": None},
}
IMAGE_OPTIONS = {  # 64 and more players
    "LocalSurrogateExplainer": {"n_samples": 500},
    "RFEExplainer": {"step": 0.2},
    "ShapleyExplainer": {"background_size": 5, "n_coalitions": 512},
    "SHAPExplainer": {"algorithm": "permutation", "background_size": 5},
}
FEW_DRAWS = {  # metrics that explain many rows anew
    "max_sensitivity": 5, "avg_sensitivity": 5, "local_lipschitz": 5, "relative_input_stability": 5,
    "relative_output_stability": 5, "relative_representation_stability": 5, "smooth_parameter_randomisation": 3,
}  # fmt: skip
AGAIN = ("robustness", "randomisation")  # families that explain other rows or networks, which a given truth cannot


def made(make):
    """Return a set, its model trained."""
    torch.set_num_threads(1)
    return make()


def judge(study, name):
    """Return one record for each metric of one explainer on one set, with the scores of each row."""
    torch.set_num_threads(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # gaps and low fidelities are among what is measured
        start = time.perf_counter()
        nothing, why = np.full(len(study.rows), np.nan), ""
        try:
            explainer = _explainer(study, CONTROL if name == TRUTH else name).fit(study.background)
            attributions = study.truth if name == TRUTH else explainer.explain(study.rows)
        except ValueError as error:  # a method that refuses this network, and says why
            why = str(error).splitlines()[0]
        records = [{"metric": "(explain)", "scores": nothing, "seconds": time.perf_counter() - start, "why": why}]
        for metric in METRICS.values():
            if study.inputs in metric.inputs:
                refused = {"metric": metric.name, "scores": nothing, "seconds": 0.0, "why": "not explained"}
                again = name != TRUTH
                records.append(refused if why else _score(study, explainer, attributions, metric, again))
    for record in records:
        record |= {"set": study.name, "explainer": name}
    return records


def _judge(study):
    """Return what removes columns against the rows for which the truth is exact: whose attributions does not matter."""
    return RandomExplainer(FrozenEstimator(study.estimator), random_state=0).fit(study.balanced)


def _explainer(study, name):
    cls = dict(all_explainers(inputs=study.inputs))[name]
    options = OPTIONS.get(name, {}) | (IMAGE_OPTIONS.get(name, {}) if study.inputs == "image" else {})
    return cls(FrozenEstimator(study.estimator), random_state=0, **options)


def _score(study, explainer, attributions, metric, again):
    given, why, scores = {}, "", np.full(len(study.rows), np.nan)
    if not again and (metric.family in AGAIN or metric.name in ("input_invariance", "implementation_invariance")):
        why = "needs an explainer"
    if "masks" in metric.needs:
        given["masks"] = study.masks
        why = why or ("no masks are known" if study.masks is None else "")
    if "reference" in metric.needs:
        given["reference"] = study.reference
    if metric.name in FEW_DRAWS:
        given["n_samples"] = FEW_DRAWS[metric.name]
    start = time.perf_counter()
    if not why:
        try:
            if metric.family not in AGAIN:
                given["attributions"] = attributions
            judge = _judge(study) if metric.family == "faithfulness" and study.balanced is not None else explainer
            found = metric.function(judge, study.rows, sample_wise=True, random_state=0, **given)
            scores = np.asarray(found, dtype=np.float64)
        except (ValueError, TypeError) as error:
            why = str(error).splitlines()[0]
    return {"metric": metric.name, "scores": scores, "seconds": time.perf_counter() - start, "why": why}


def compared(records):
    """Return a table of mean scores, each beside the control's, and whether the difference is more than chance."""
    control = {(r["set"], r["metric"]): r["scores"] for r in records if r["explainer"] == CONTROL}
    rows = []
    for record in records:
        scores, other = record["scores"], control[record["set"], record["metric"]]
        low, high = _interval(scores - other)
        rows.append({
            "set": record["set"], "explainer": record["explainer"], "metric": record["metric"],
            "score": float(np.mean(scores)), "control": float(np.mean(other)), "low": low, "high": high,
            "seconds": round(record["seconds"], 2), "why": record["why"],
        })  # fmt: skip
    return pd.DataFrame(rows)


def _interval(differences, n_bootstrap=2000):
    """Return the 95 % percentile bootstrap interval, over rows, of the mean difference to the control."""
    rng = np.random.RandomState(0)
    means = differences[rng.randint(len(differences), size=(n_bootstrap, len(differences)))].mean(axis=1)
    return tuple(np.percentile(means, [2.5, 97.5]).tolist())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", nargs="*", default=[make.__name__ for make in SETS], help="names of the sets")
    parser.add_argument("--explainers", nargs="*", default=None, help="names of classes; all of them by default")
    parser.add_argument("--out", type=Path, default=HERE / "results.csv")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    start = time.perf_counter()
    makers = [delayed(made)(make) for make in SETS if make.__name__ in arguments.sets]
    sets = Parallel(n_jobs=arguments.jobs)(makers)
    jobs = []
    for study in sets:
        names = [name for name, _ in all_explainers(inputs=study.inputs)]
        wanted = set(arguments.explainers or names) | {CONTROL}
        names = [name for name in names if name in wanted] + ([] if study.truth is None else [TRUTH])
        jobs += [(study, name) for name in names]
    work = (delayed(judge)(study, name) for study, name in reversed(jobs))  # images, which take longest, first
    records = []
    for done, found in enumerate(Parallel(n_jobs=arguments.jobs, return_as="generator_unordered")(work), 1):
        records += found
        spent = sum(record["seconds"] for record in found)
        print(
            f"{done}/{len(jobs)} {found[0]['set']} {found[0]['explainer']} {spent:.1f} s, "
            f"{time.perf_counter() - start:.0f} s in all", flush=True,
        )  # fmt: skip
    order = {(study.name, name): i for i, (study, name) in enumerate(jobs)}
    records.sort(key=lambda record: order[record["set"], record["explainer"]])
    compared(records).to_csv(arguments.out, index=False, float_format="%.4g")
    table = read_results(arguments.out)
    beside = HERE.parent / "study" if arguments.out.parent == HERE else arguments.out.with_suffix("")
    write_page(table, beside.with_suffix(".md"))
    draw(table, beside.with_suffix(".png"))


if __name__ == "__main__":
    main()
