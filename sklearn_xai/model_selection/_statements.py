"""What was found of the stability of explanations, in sentences that say what to do."""

from __future__ import annotations

import numpy as np

NOUNS = {
    "folds": ("fold", "folds"),
    "seeds": ("retraining", "retrainings"),
    "backgrounds": ("background", "backgrounds"),
    "noise": ("draw of noise", "draws of noise"),
}
_CAUSES = {
    "folds": "the folds",
    "seeds": "retraining with another seed",
    "backgrounds": "other background rows",
    "noise": "noise on the rows",
}
_MOST_COLUMNS = 3
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


def statements_of(found) -> list[str]:
    """Give the sentences, the most useful first.

    Parameters
    ----------
    found : Bunch
        All other fields of what :func:`~sklearn_xai.model_selection.explanation_stability` gives.
    """
    sources = list(found.conditions)
    nouns = NOUNS[sources[0]] if len(sources) == 1 else ("run", "runs")
    n = len(found.attributions)
    if found.decomposition.disagreement <= 1e-12 * np.square(found.attributions, dtype=np.float64).sum(axis=-1).mean():
        return [f"All {count(n, nouns)} give the same attributions, up to rounding."]
    return [
        *_about_top(found, n, nouns),
        *_about_sources(found),
        *_about_columns(found, n, nouns),
        *_about_rows(found, nouns),
    ]


def _about_top(found, n, nouns):
    k, names = len(found.top_columns), found.top_columns
    if not 0 < k < len(found.feature_names):
        return []
    subject = f"The top column ({names[0]})" if k == 1 else f"The top {number(k)} columns ({listed(names)})"
    verb = "is" if k == 1 else "are"
    same = round(found.top_same * n)
    sentences = [f"{subject} {verb} the same in {out_of(same, n, nouns)}."]
    if len(found.by_source) > 1:
        parts = []
        for source, means in found.by_source.items():
            n_pairs = found.pair_sources.count(source)
            parts.append(f"{round(means['same_top'] * n_pairs)} of {n_pairs} pairs of {NOUNS[source][1]}")
        sentences.append(f"Changing one source at a time, they stay the same in {listed(parts)}.")
    return sentences


def _about_sources(found):
    shares = sorted(found.decomposition.shares.items(), key=lambda item: -item[1])
    if len(found.conditions) == 1:
        return []
    (largest, share), *others = shares
    how = "All" if share == 1 else "Most" if share > 0.5 else "The largest part"
    first = f"{how} of the disagreement ({percent(share)}) comes from {_CAUSES[largest]}"
    rest = [f"{percent(value)} from {_CAUSES[name]}" for name, value in others if value >= 0.005]
    return [f"{first}, {listed(rest)}." if rest else f"{first}."]


def _about_columns(found, n, nouns):
    table = found.columns
    unstable = [j for j in np.argsort(-table["mean_abs"].to_numpy(), kind="stable") if table["unstable"].iloc[j]]
    sentences = [_about_column(table.iloc[j], found, n, nouns) for j in unstable[:_MOST_COLUMNS]]
    left = len(unstable) - _MOST_COLUMNS
    if left > 0:
        more = "1 more column is" if left == 1 else f"{left} more columns are"
        sentences.append(f"{more} unstable: see `unstable_columns`.")
    return sentences


def _about_column(row, found, n, nouns):
    why, name, parts, advice = row["why"].split(", "), row.name, [], []
    if "sign" in why:
        parts.append(f"changes its sign between {nouns[1]} in {percent(row['sign_changes'])} of rows")
        advice.append("direction")
    if "size" in why:
        parts.append(f"has a mean absolute attribution that varies by {percent(row['variation'])} of its mean")
        advice.append("size")
    if "place" in why:
        k = len(found.top_columns)
        top = "the top column" if k == 1 else f"among the top {number(k)} columns"
        parts.append(f"is {top} in {round(row['top'] * n)} of {count(n, nouns)}")
        advice.append("rank")
    return f"{name} {listed(parts)}: do not read its {listed(advice, 'or')}."


def _about_rows(found, nouns):
    mean, (low, high) = found.overall["spearman"], found.interval["spearman"]
    what = f"Two {nouns[1]}" if len(found.conditions) == 1 else "Two runs that differ in one source"
    wide, sentences = found.interval_refits["spearman"], []
    if len(found.feature_names) > 1:
        parts = []
        if found.attributions.shape[1] > 1:
            parts.append(f"over rows {low:.2f} to {high:.2f}")
        if np.isfinite(wide).all():
            parts.append(f"over {nouns[1]} and rows {wide[0]:.2f} to {wide[1]:.2f}")
        interval = f" (interval {', '.join(parts)})" if parts else ""
        sentences.append(f"{what} order the columns of a row with a mean Spearman correlation of {mean:.2f}{interval}.")
    apart = 1 - found.decomposition.reliability
    if found.decomposition.rows > 0:
        sentences.append(
            f"Of the variance of the attributions, {percent(apart)} is disagreement between {nouns[1]}, the rest "
            "difference between rows."
        )
    return sentences


def percent(share) -> str:
    """Give a share in percent: 100 % is said of all and 0 % of none only."""
    if 0 < share < 0.005:
        return "less than 1 %"
    if 0.995 <= share < 1:
        return "more than 99 %"
    return f"{100 * share:.0f} %"


def count(n, nouns) -> str:
    """Give "1 fold", "5 folds"."""
    return f"{n} {nouns[n != 1]}"


def number(n) -> str:
    """Give a small number as a word."""
    return _NUMBERS[n] if n < len(_NUMBERS) else str(n)


def out_of(part, n, nouns) -> str:
    """Give "all 5 folds", "4 of 5 folds (80 %)", "none of 5 folds"."""
    if part == n:
        return f"both {nouns[1]}" if n == 2 else f"all {count(n, nouns)}"
    if part == 0:
        return f"none of {count(n, nouns)}"
    return f"{part} of {count(n, nouns)} ({percent(part / n)})"


def listed(words, last="and") -> str:
    """Give "a", "a and b", "a, b and c"."""
    words = [str(word) for word in words]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"
