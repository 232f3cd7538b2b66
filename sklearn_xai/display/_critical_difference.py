"""Which explainers are better than which, over many data sets or folds: mean ranks on one line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_xai.display._common import INK, axes_for, inches_of, lay_out, number_text, require_matplotlib, shorten
from sklearn_xai.display._series import CONTROL, SMALLEST_TEXT, control_among, letters_in

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Text

# Heights in points, shrunk together where the axes are too low for them.
ROW = 14.0
LEVEL = 6.5
ABOVE_AXIS = 40.0
BELOW_AXIS = 10.0
TEXT_SIZE = 9.0


class CriticalDifferenceDisplay:
    """Show the mean ranks of explainers, and which of them the data do not tell apart.

    Rank 1 is the best. Two explainers differ when their mean ranks are further apart than the critical difference, for
    the Nemenyi test

        CD = q_alpha * sqrt(k (k + 1) / (6 N))

    with k explainers, N data sets (or folds) and q_alpha the studentised range over sqrt(2). A thick bar joins those
    that do not differ.

    Parameters
    ----------
    mean_ranks : dict of str to float
        The mean rank of each explainer; NaN is written as "n/a".
    critical_difference : float or None, default=None
        The difference of mean ranks from which on explainers differ. None draws no bar of it.
    groups : list of list of str, default=None
        The sets of explainers that do not differ. Computed from the critical difference when not given; empty to draw
        none.
    n_datasets : int, default=None
        Over how many rankings (data sets, folds) the ranks are means; written below.
    p_value : float, default=None
        Of the test that all ranks are equal (Friedman); written below.
    control : str, default=None
        Which explainer is a random control. It is drawn in grey.
    name : str, default=None
        The title.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes of the last picture.
    figure_ : matplotlib Figure
        The figure of the last picture.

    Raises
    ------
    ValueError
        When there are no ranks, or `critical_difference`, `groups` or `control` do not fit them.

    References
    ----------
    J. Demsar (2006). Statistical comparisons of classifiers over multiple data sets.

    See Also
    --------
    MetricsDisplay : The values instead of the ranks.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from sklearn_xai.display import CriticalDifferenceDisplay
    >>> ranks = {"IG": 1.4, "SHAP": 1.7, "Saliency": 2.9, "random": 4.0}
    >>> display = CriticalDifferenceDisplay(ranks, 1.3, control="random").plot(ax=Figure().subplots())
    >>> display.groups
    [['IG', 'SHAP'], ['SHAP', 'Saliency'], ['Saliency', 'random']]
    """

    def __init__(
        self,
        mean_ranks: Mapping[str, float],
        critical_difference: float | None = None,
        *,
        groups: Sequence[Sequence[str]] | None = None,
        n_datasets: int | None = None,
        p_value: float | None = None,
        control: str | None = None,
        name: str | None = None,
    ) -> None:
        caller = type(self).__name__
        self.mean_ranks = {str(key): float(rank) for key, rank in mean_ranks.items()}
        if not np.isfinite(list(self.mean_ranks.values())).any():
            raise ValueError(
                f"The 'mean_ranks' parameter of {caller} must hold at least one finite rank. "
                f"Got {len(self.mean_ranks)} names and no rank."
            )
        if critical_difference is not None and not 0 < critical_difference < np.inf:
            raise ValueError(
                f"The 'critical_difference' parameter of {caller} must be None or a positive number. "
                f"Got {critical_difference!r}."
            )
        self.critical_difference = None if critical_difference is None else float(critical_difference)
        if groups is None:
            from sklearn_xai.model_selection._ranking import alike_groups

            known = {key: rank for key, rank in self.mean_ranks.items() if np.isfinite(rank)}
            groups = [] if self.critical_difference is None else alike_groups(known, self.critical_difference)
        self.groups = [[str(member) for member in group] for group in groups]
        strangers = sorted({member for group in self.groups for member in group} - set(self.mean_ranks))
        if strangers:
            raise ValueError(
                f"The 'groups' parameter of {caller} must hold names of 'mean_ranks' only. Got also {strangers}."
            )
        self.n_datasets = n_datasets
        self.p_value = p_value
        self.control = control_among(list(self.mean_ranks), control, caller)
        self.name = name

    @classmethod
    def from_scores(
        cls,
        scores: Any,
        *,
        greater_is_better: bool = True,
        alpha: float = 0.05,
        control: str | None = "auto",
        name: str | None = None,
        ax: Axes | None = None,
    ) -> CriticalDifferenceDisplay:
        """Rank explainers within each data set, test by Friedman and Nemenyi, and draw the diagram.

        Parameters
        ----------
        scores : DataFrame of shape (n_datasets, n_explainers)
            One score of each explainer on each data set or fold; rows with a missing score are left out. Ties (to 1e-5
            of the largest score of a row) share their mean rank.
        greater_is_better : bool, default=True
            Whether the highest score gets rank 1.
        alpha : float, default=0.05
            The level of the Nemenyi test.
        control : str or None, default="auto"
            Which explainer is a random control; "auto" takes the first whose name contains "random".
        name : str, default=None
            The title.
        ax : matplotlib Axes, default=None
            Where to draw. A new figure when not given.

        Returns
        -------
        display : CriticalDifferenceDisplay

        Raises
        ------
        ValueError
            With fewer than two explainers or two complete rows, or an `alpha` that is no level.
        """
        caller = f"{cls.__name__}.from_scores"
        require_matplotlib(caller)
        if not 0 < alpha < 1:
            raise ValueError(f"The 'alpha' parameter of {caller} must lie between 0 and 1. Got {alpha!r}.")
        if not hasattr(scores, "columns"):
            raise TypeError(
                f"The 'scores' parameter of {caller} must be a DataFrame, a column for each explainer. Got "
                f"{type(scores).__name__}."
            )
        names = [str(key) for key in scores.columns]
        table = scores.to_numpy(dtype=float, na_value=np.nan)
        table = table[np.isfinite(table).all(axis=1)]
        if len(names) < 2 or len(table) < 2:
            raise ValueError(
                f"The 'scores' parameter of {caller} must have at least two columns (explainers) and two rows (data "
                f"sets) without a missing score. Got {len(names)} columns and {len(table)} such rows."
            )
        from sklearn_xai.model_selection._ranking import friedman, nemenyi_difference, ranks_of

        ranks = ranks_of(table if greater_is_better else -table)
        display = cls(
            dict(zip(names, ranks.mean(axis=0).tolist(), strict=True)),
            nemenyi_difference(len(names), len(table), alpha),
            n_datasets=len(table),
            p_value=friedman(ranks)[1],
            control=control_among(names, control, caller),
            name=name,
        )
        return display.plot(ax)

    @classmethod
    def from_selector(
        cls, selector: Any, *, name: str | None = None, ax: Axes | None = None
    ) -> CriticalDifferenceDisplay:
        """Draw the ranks that an ``ExplainerSelector`` found.

        Parameters
        ----------
        selector : ExplainerSelector
            Fitted.
        name : str, default=None
            The title.
        ax : matplotlib Axes, default=None
            Where to draw. A new figure when not given.

        Returns
        -------
        display : CriticalDifferenceDisplay

        Raises
        ------
        TypeError
            If `selector` has no mean ranks, as before it is fitted.
        """
        caller = f"{cls.__name__}.from_selector"
        require_matplotlib(caller)
        if not hasattr(selector, "mean_ranks_"):
            raise TypeError(
                f"The 'selector' parameter of {caller} must be a fitted ExplainerSelector. Got "
                f"{type(selector).__name__}{', not fitted' if hasattr(selector, 'explainers') else ''}."
            )
        display = cls(
            selector.mean_ranks_,
            selector.critical_difference_,
            n_datasets=selector.n_blocks_,
            p_value=selector.p_value_,
            control=selector.control_,
            name=name,
        )
        return display.plot(ax)

    def plot(self, ax: Axes | None = None, **kwargs: Any) -> CriticalDifferenceDisplay:
        """Draw the ranks from the best (left) to the worst, and bars that join what does not differ.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw. A new figure when not given.
        **kwargs : dict
            Passed on to matplotlib's ``plot`` for the bars that join.

        Returns
        -------
        self : CriticalDifferenceDisplay
        """
        ordered = sorted((rank, i, key) for i, (key, rank) in enumerate(self.mean_ranks.items()) if np.isfinite(rank))
        known = [key for _, _, key in ordered]
        unknown = [key for key in self.mean_ranks if key not in known]
        bars = [bar for bar in map(self._members, self.groups) if len(bar) > 1]
        levels = levels_of([(bar[0], bar[-1]) for bar in bars])
        n_levels = max(levels, default=-1) + 1
        n_rows = -(-len(known) // 2) + len(unknown)
        total = ABOVE_AXIS + BELOW_AXIS + LEVEL * n_levels + ROW * n_rows + ROW
        figure, ax = axes_for(ax, f"{type(self).__name__}.plot", (7.5, max(1.6, total / 72 + 0.3)))

        ax.set_axis_off()
        if self.name is not None:
            ax.set_title(shorten(self.name, 50), loc="left", fontsize="medium", color=INK)
        unit = min(1.0, inches_of(ax)[1] * 72 / total)
        # From here on one unit of y is a point, the scale of ranks is at 0.
        ax.set_ylim(ABOVE_AXIS * unit - max(total * unit, inches_of(ax)[1] * 72), ABOVE_AXIS * unit)
        limits = self._ends()
        names_top = -(BELOW_AXIS + LEVEL * n_levels) * unit
        places = self._places(known, unknown, names_top, unit)
        ends = self._write_names(ax, places, limits, unit)
        self._draw_scale(ax, limits, unit)
        for bar, level in zip(bars, levels, strict=True):
            self._draw_bar(ax, bar, -(BELOW_AXIS * 0.7 + LEVEL * level) * unit, unit, **kwargs)
        for key in known:
            left, y = places[key]
            rank, color = self.mean_ranks[key], self._color(key)
            line = [rank, rank, ends[0] if left else ends[1]], [0.0, y, y]
            ax.plot(*line, color=color, linewidth=0.9, gid=f"name {key}", zorder=2)
        if self._note():
            size = 0.9 * _text_size(ax, unit)
            note = fill(self._note(), max(20, letters_in(inches_of(ax)[0], size)))
            y = names_top - ROW * (n_rows + 0.6) * unit
            _text(ax, sum(ax.get_xlim()) / 2, y, note, ha="center", va="center", color=CONTROL, fontsize=size)
        self.figure_, self.ax_ = figure, ax
        return self

    def _members(self, group: Sequence[str]) -> list[float]:
        return sorted(rank for key in group if np.isfinite(rank := self.mean_ranks[key]))

    def _note(self) -> str:
        parts = [] if self.p_value is None else [f"all ranks equal: p = {number_text(self.p_value, digits=2)}"]
        if self.n_datasets is not None:
            parts.append(f"means over {self.n_datasets:,} rankings")
        return "; ".join(parts)

    def _ends(self) -> tuple[float, float]:
        """Return the whole ranks between which all ranks lie, and the critical difference from the left."""
        ranks = [rank for rank in self.mean_ranks.values() if np.isfinite(rank)]
        low = float(np.floor(min(ranks)))
        return low, float(max(np.ceil(max(ranks)), low + 1.0, np.ceil(low + (self.critical_difference or 0.0))))

    def _color(self, key: str) -> str:
        return CONTROL if key == self.control else INK

    def _places(self, known: list[str], unknown: list[str], top: float, unit: float) -> dict[str, tuple[bool, float]]:
        """Return for each name whether it stands at the left, and its height.

        The better half is at the left, the best on top; the worse half at the right, the worst on top: so no line to a
        name crosses another.
        """
        n_left = -(-len(known) // 2)
        rows = {key: (i < n_left, i if i < n_left else len(known) - 1 - i) for i, key in enumerate(known)}
        rows |= {key: (True, n_left + i) for i, key in enumerate(unknown)}
        return {key: (left, top - ROW * unit * (row + 0.5)) for key, (left, row) in rows.items()}

    def _write_names(
        self, ax: Axes, places: Mapping[str, tuple[bool, float]], limits: tuple[float, float], unit: float
    ) -> tuple[float, float]:
        """Write the names and ranks at both sides of the axes, give the scale what is left; return where lines end."""
        size = _text_size(ax, unit)
        letters = int(np.clip(letters_in(0.33 * inches_of(ax)[0], size) - 6, 8, 30))
        texts: dict[bool, list[Text]] = {True: [], False: []}
        for key, (left, y) in places.items():
            rank, name = self.mean_ranks[key], shorten(key, letters)
            number = f"{rank:.2f}" if np.isfinite(rank) else "n/a"
            text = f"{name}  {number}" if left else f"{number}  {name}"
            color = self._color(key) if np.isfinite(rank) else CONTROL
            texts[left].append(_text(ax, 0.0, y, text, va="center", color=color, fontsize=size))
        lay_out(ax)
        widths = {
            left: max((text.get_window_extent().width for text in part), default=0.0) for left, part in texts.items()
        }
        width, gap = ax.bbox.width, 14.0
        inner = max(width - widths[True] - widths[False] - 2 * gap, 0.1 * width)
        step = (limits[1] - limits[0]) / inner
        start, end = limits[0] - (widths[True] + gap) * step, limits[1] + (widths[False] + gap) * step
        ax.set_xlim(start, end)
        for left, part in texts.items():
            for written in part:
                written.set(
                    x=start + widths[True] * step if left else end - widths[False] * step,
                    ha="right" if left else "left",
                )
        return start + (widths[True] + 3) * step, end - (widths[False] + 3) * step

    def _draw_scale(self, ax: Axes, limits: tuple[float, float], unit: float) -> None:
        """Draw the line of ranks, as many ticks as there is room for, and the critical difference above."""
        size, (low, high) = _text_size(ax, unit), limits
        left, right = ax.get_xlim()
        points = inches_of(ax)[0] * 72 / (right - left)
        ax.plot([low, high], [0, 0], color=INK, linewidth=1.2, solid_capstyle="butt", gid="scale")
        step = next((step for step in (1, 2, 5, 10, 20, 50) if step * points >= 2.2 * size), 100)
        for tick in np.arange(low, high + 1e-9, step):
            ax.plot([tick, tick], [0, 4 * unit], color=INK, linewidth=1.0, gid="tick")
            _text(ax, tick, 6 * unit, f"{tick:.0f}", ha="center", va="bottom", color=INK, fontsize=size)
        if self.critical_difference is None:
            return
        y, end = 23 * unit, low + self.critical_difference
        ax.plot([low, end], [y, y], color=INK, linewidth=1.6, gid="critical difference")
        for x in (low, end):
            ax.plot([x, x], [y - 2.5 * unit, y + 2.5 * unit], color=INK, linewidth=1.2, gid="end")
        text = f"critical difference {number_text(self.critical_difference)}"
        _text(ax, low, y + 4 * unit, text, ha="left", va="bottom", color=INK, fontsize=size)

    def _draw_bar(self, ax: Axes, members: list[float], y: float, unit: float, **kwargs: Any) -> None:
        style = {"color": INK, "linewidth": 3.2 * max(unit, 0.5), "solid_capstyle": "round", "zorder": 3, **kwargs}
        ax.plot([members[0], members[-1]], [y, y], gid="group", **style)
        inside = [rank for rank in self.mean_ranks.values() if members[0] <= rank <= members[-1]]
        if len(inside) > len(members):  # someone between the ends does differ: show who is meant
            ax.plot(members, [y] * len(members), "o", color="white", markersize=2.0, zorder=4, gid="members")


def _text(ax: Axes, x: float, y: float, text: str, **kwargs: Any) -> Text:
    """Write a text that has no say in the layout of the figure: it is put where there is room already."""
    return ax.text(x, y, text, in_layout=False, **kwargs)


def _text_size(ax: Axes, unit: float) -> float:
    """Return the font size: smaller in axes that are low or narrow."""
    return max(SMALLEST_TEXT, min(TEXT_SIZE * unit, 2.4 * inches_of(ax)[0]))


def levels_of(spans: Sequence[tuple[float, float]]) -> list[int]:
    """Return for each span the lowest level on which it touches no earlier one.

    Examples
    --------
    >>> from sklearn_xai.display._critical_difference import levels_of
    >>> levels_of([(1, 3), (2, 4), (3.5, 5)])
    [0, 1, 0]
    """
    levels: list[int] = []
    for i, (low, high) in enumerate(spans):
        taken = {
            levels[j] for j, (other_low, other_high) in enumerate(spans[:i]) if low <= other_high and other_low <= high
        }
        levels.append(next(level for level in range(i + 1) if level not in taken))
    return levels
