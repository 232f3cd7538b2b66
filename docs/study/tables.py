"""The study's results as the tables of its page."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sklearn_xai.metrics import METRICS

START, END = "<!-- from here on written by python -m docs.study -->", "<!-- to here -->"
TRUTH, CONTROL = "(ground truth)", "RandomExplainer"


def read_results(path):
    """Return the results as they were written, to four digits."""
    return pd.read_csv(path, keep_default_na=False, na_values=["", "nan"])


def verdicts(table):
    """Add the sign of the difference to the control, 1 for better, 0 where the interval holds zero, NaN for none."""
    sign = table["metric"].map(lambda name: METRICS[name].sign)
    better = np.where(sign > 0, table["low"] > 0, table["high"] < 0)
    worse = np.where(sign > 0, table["high"] < 0, table["low"] > 0)
    known = np.isfinite(table["score"]) & np.isfinite(table["control"])
    return table.assign(sign=sign, verdict=np.where(known, better.astype(float) - worse, np.nan))


def by_metric(table):
    """Return one row a metric: how often explainers are told from the control, and where the truth stands."""
    judged = table[~table["explainer"].isin([TRUTH, CONTROL])]
    rows = []
    for name, part in judged.groupby("metric", sort=False):
        known = part["verdict"].dropna()
        rows.append({
            "metric": name, "family": METRICS[name].family, "explanations": len(known),
            "better": _share(known > 0), "not told apart": _share(known == 0), "worse": _share(known < 0),
            "truth better": _truth_better(table, name), "truth's place": _place_of_truth(table, name),
        })  # fmt: skip
    return pd.DataFrame(rows).sort_values(["family", "metric"])


def _share(mask):
    return f"{100 * mask.mean():.0f} %" if len(mask) else "n/a"


def _truth_better(table, metric):
    found = table[(table["explainer"] == TRUTH) & (table["metric"] == metric)]["verdict"].dropna()
    return f"{int((found > 0).sum())} of {len(found)}" if len(found) else ""


def _place_of_truth(table, metric):
    """Return the truth's places among all explainers, set by set, ties counted for it."""
    places = []
    for _, part in table[table["metric"] == metric].groupby("set", sort=False):
        own = part[part["explainer"] == TRUTH]["score"].dropna()
        others = part[part["explainer"] != TRUTH].dropna(subset="score")
        if len(own):
            ahead = others["sign"] * (others["score"] - own.iloc[0])
            places.append(str(1 + int((ahead > 1e-6 * np.abs(own.iloc[0])).sum())))
    return ", ".join(places)


def by_explainer(table):
    """Return one row an explainer: its mean rank in each family, over all metrics and sets, and its seconds."""
    known = table[(table["explainer"] != TRUTH) & np.isfinite(table["score"])].copy()
    grouped = known.assign(loss=-known["sign"] * known["score"]).groupby(["set", "metric"])["loss"]
    known["rank"] = (grouped.rank() - 1) / (grouped.transform("size") - 1).clip(lower=1)
    known["family"] = known["metric"].map(lambda name: METRICS[name].family)
    ranks = known.pivot_table(index="explainer", columns="family", values="rank", aggfunc="mean")
    judged = known[known["explainer"] != CONTROL]
    share = judged.groupby("explainer")["verdict"].apply(lambda verdict: 100 * (verdict > 0).mean())
    ranks["better than control"] = share.map("{:.0f} %".format)
    ranks = ranks.sort_values("faithfulness").reset_index()
    numbers = ranks.select_dtypes("number").columns
    ranks[numbers] = ranks[numbers].map("{:.2f}".format).replace("nan", "")
    return ranks.fillna("")


def by_set(table, metric):
    """Return the scores of one metric, explainers by sets, with a mark for what is better than the control."""
    part = table[table["metric"] == metric].copy()
    marks = {1.0: " *", -1.0: " !"}
    part["shown"] = [
        f"{score:.3g}{marks.get(verdict, '')}" if np.isfinite(score) else ""
        for score, verdict in zip(part["score"], part["verdict"], strict=True)
    ]
    shown = part.pivot(index="explainer", columns="set", values="shown")
    return shown.loc[part["explainer"].unique(), part["set"].unique()].fillna("").reset_index()


def write_page(table, path):
    """Put the tables into the page, between its marks; a page that is not there holds nothing else."""
    explained = table[table["metric"] == "(explain)"]
    table = verdicts(table[table["metric"] != "(explain)"])
    shown = ("faithfulness_correlation", "deletion_auc", "rank_correlation", "max_sensitivity")
    parts = [
        f"{table['set'].nunique()} sets, {table['explainer'].nunique()} explainers, {table['metric'].nunique()} "
        f"metrics, {int(np.isfinite(table['score']).sum()):,} scores.",
        "## Metrics", _markdown(by_metric(table)),
        "## Explainers", _markdown(by_explainer(table)),
        "## Seconds to fit and explain", _markdown(_seconds(explained)),
        *(text for name in shown for text in (f"## {name}", _markdown(by_set(table, name)))),
    ]  # fmt: skip
    body = "\n\n".join(parts)
    page = path.read_text() if path.exists() else f"{START}\n{END}\n"
    before, rest = page.split(START)
    path.write_text(f"{before}{START}\n\n{body}\n\n{END}{rest.split(END)[1]}")


def draw(table, path):
    """Draw the mean ranks of the explainers of tables over all metrics of faithfulness and all sets."""
    import matplotlib.pyplot as plt

    from sklearn_xai.display import CriticalDifferenceDisplay

    table = verdicts(table[(table["metric"] != "(explain)") & (table["explainer"] != TRUTH)])
    tables = table[~table["set"].isin(["digits", "images"])]
    faithful = tables[tables["metric"].map(lambda name: METRICS[name].family) == "faithfulness"]
    faithful = faithful.assign(signed=faithful["sign"] * faithful["score"])
    scores = faithful.pivot(index=["set", "metric"], columns="explainer", values="signed").dropna(axis="columns")
    scores.columns = [name.removesuffix("Explainer") for name in scores.columns]
    display = CriticalDifferenceDisplay.from_scores(scores, name="faithfulness, tables: sets x metrics")
    display.figure_.savefig(path, dpi=120, bbox_inches="tight")
    plt.close(display.figure_)


def _seconds(explained):
    explained = explained[explained["explainer"] != TRUTH]
    shown = explained.pivot(index="explainer", columns="set", values="seconds")
    shown = shown.loc[explained["explainer"].unique(), explained["set"].unique()]
    return shown.map(lambda seconds: "" if np.isnan(seconds) else f"{seconds:.2f}").reset_index()


def _markdown(frame):
    lines = ["| " + " | ".join(map(str, frame.columns)) + " |", "|" + "---|" * len(frame.columns)]
    lines += ["| " + " | ".join(map(str, row)) + " |" for row in frame.itertuples(index=False)]
    return "\n".join(lines)
