"""How numbers, values and outputs are put into words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from sklearn_xai.display._common import MINUS, is_missing, number_text
from sklearn_xai.display._series import even_numbers

MOST_LETTERS = 300
_NAME_LETTERS = 60
_SPACE = "\N{NO-BREAK SPACE}"
DASH = "\N{EN DASH}"  # where there is no number


def text_of(value: Any) -> str:
    """Return a value of the user's table as text.

    Examples
    --------
    >>> from sklearn_xai.report._words import text_of
    >>> text_of(3.0), text_of(None), text_of("a  b"), text_of(0.1234567)
    ('3', 'missing', 'a b', '0.123457')
    """
    if np.ndim(value) == 0 and is_missing(value):
        return "missing"
    if isinstance(value, float | np.floating):
        return f"{float(value):.6g}".replace("-", MINUS)
    line = " ".join(str(value).split())
    return line if len(line) <= MOST_LETTERS else line[: MOST_LETTERS - 1] + "…"


def short(value: float, digits: int = 3) -> str:
    """Return a number as a reader takes it in, a dash where there is none."""
    return number_text(float(value), digits=digits) if np.isfinite(value) else DASH


def percent(share: float) -> str:
    """Return a share in percent."""
    if not np.isfinite(share):
        return DASH
    return f"less than 1{_SPACE}%" if 0 < share < 0.01 else f"{100 * share:.0f}{_SPACE}%"


def two(value: float) -> str:
    """Return what lies between -1 and 1, such as a correlation, with two decimals.

    Examples
    --------
    >>> from sklearn_xai.report._words import two
    >>> two(0.98765), two(-0.001)
    ('0.99', '0.00')
    """
    return f"{float(value):z.2f}".replace("-", MINUS) if np.isfinite(value) else DASH


def even(*values: float) -> list[str]:
    """Return numbers that are read beside each other with as many decimals each."""
    texts = [DASH if text == "n/a" else text for text in even_numbers(values)]
    return [text.removeprefix(MINUS) if set(text) <= set(f"{MINUS}0.") else text for text in texts]


def label(name: Any) -> str:
    """Return a name as it stands in a sentence: one that is too long for it is cut."""
    text = text_of(name)
    return text if len(text) <= _NAME_LETTERS else text[: _NAME_LETTERS - 1].rstrip() + "…"


def listed(words: Iterable[Any], most: int = 4) -> str:
    """Return "a", "a and b", "a, b, c and 3 more".

    Examples
    --------
    >>> from sklearn_xai.report._words import listed
    >>> listed("abcdef", most=3), listed("ab")
    ('a, b, c and 3 more', 'a and b')
    """
    names = [label(word) for word in words]
    if len(names) > most + 1:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""


def counted(n: int, noun: str, plural: str | None = None) -> str:
    """Return "1 row", "2 rows"."""
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"


def output_words(explainer: Any, target: str | None = None) -> str:
    """Say in words what a fitted explainer explains, with its unit.

    Parameters
    ----------
    explainer : fitted explainer
    target : str or None, default=None
        The name of what a regressor predicts.
    """
    from sklearn_xai.models import is_network, split_pipeline

    model, index = explainer._model, explainer._target_index
    if model.of_uncertainty:
        return f"{explainer.output} of the prediction, in nats"
    one = isinstance(index, int | np.integer)
    if model.classes is None:
        name = "the prediction" if target is None else f"predicted {text_of(target)}"
        return name if model.n_outputs == 1 else f"output {index}" if one else "the largest output"
    if explainer.output == "proba":
        what = "probability"
    elif is_network(split_pipeline(explainer.estimator_)[1]):
        what = "logit"
    else:
        what = "log-odds" if getattr(model.blackbox, "method", "") == "predict_proba" else "score"
    return f"{what} of {text_of(model.classes[index]) if one else 'the predicted class'}"


def names_in_order(names: Sequence[str], sizes: np.ndarray, most: int) -> list[str]:
    """Return the names of the largest."""
    return [names[j] for j in np.argsort(-np.asarray(sizes), kind="stable")[:most]]
