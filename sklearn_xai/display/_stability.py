"""How much explanations change when the network is trained on other folds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_xai.display._common import (
    INK,
    MUTED,
    NEUTRAL,
    axes_for,
    check_choice,
    check_max_display,
    clean,
    make_room,
    number_text,
    require_matplotlib,
    set_rows,
    shorten,
    write_beside,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MEASURES = {
    "spearman": "Spearman correlation",
    "top_k_overlap": "top-k overlap",
    "sign_agreement": "sign agreement",
    "cosine": "cosine similarity",
}


class StabilityDisplay:
    """Show whether explanations would be the same had the network seen other training rows.

    Parameters
    ----------
    measures : dict of str to array-like of shape (n_pairs, n_samples)
        For each measure the agreement of each pair of folds on each row; 1 is full agreement.
    overall : dict of str to float, default=None
        The mean of each measure. Computed from `measures` when not given.
    interval : dict of str to (float, float), default=None
        An interval around each mean.
    attributions : array-like of shape (n_splits, n_samples, n_features), default=None
        The attributions of the same rows by the explainer of each fold. Needed by ``kind="features"``.
    feature_names : sequence of str of length n_features, default=None
        ``x0, x1, ...`` when not given.
    target_name : str, default=None
        What is explained, in words and with its unit.
    name : str, default=None
        The title, usually the name of the explainer.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes of the last picture.
    figure_ : matplotlib Figure
        The figure of the last picture.

    See Also
    --------
    sklearn_xai.model_selection.explanation_stability : Computes what is drawn here.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from sklearn_xai.display import StabilityDisplay
    >>> display = StabilityDisplay({"cosine": [[0.9, 1.0, 0.8]]}, interval={"cosine": (0.85, 0.95)})
    >>> display.plot("box", ax=Figure().subplots()).overall
    {'cosine': 0.9}
    """

    def __init__(
        self,
        measures: Mapping[str, Any],
        *,
        overall: Mapping[str, float] | None = None,
        interval: Mapping[str, tuple[float, float]] | None = None,
        attributions: Any = None,
        feature_names: Sequence[str] | None = None,
        target_name: str | None = None,
        name: str | None = None,
    ) -> None:
        self.measures = {key: np.atleast_2d(np.asarray(value, dtype=float)) for key, value in measures.items()}
        means = {key: float(np.nanmean(value)) for key, value in self.measures.items() if np.isfinite(value).any()}
        self.overall = {**means, **(overall or {})}
        self.interval = dict(interval or {})
        self.attributions = None if attributions is None else np.asarray(attributions, dtype=float)
        if self.attributions is not None and self.attributions.ndim != 3:
            raise ValueError(
                "The 'attributions' parameter of StabilityDisplay must have shape (n_splits, n_samples, n_features). "
                f"Got shape {self.attributions.shape}."
            )
        self.feature_names = None if feature_names is None else [str(feature) for feature in feature_names]
        if self.attributions is not None and self.feature_names is not None:
            if len(self.feature_names) != self.attributions.shape[2]:
                raise ValueError(
                    "The 'feature_names' parameter of StabilityDisplay must have one name for each of the "
                    f"{self.attributions.shape[2]} features of 'attributions'. Got {len(self.feature_names)}."
                )
        self.target_name = target_name
        self.name = name

    @classmethod
    def from_stability(
        cls,
        stability: Mapping[str, Any],
        *,
        kind: str = "box",
        max_display: int | None = 10,
        target_name: str | None = None,
        name: str | None = None,
        ax: Axes | None = None,
    ) -> StabilityDisplay:
        """Draw what ``explanation_stability`` returned.

        Parameters
        ----------
        stability : Bunch
            With any of "spearman", "top_k_overlap", "sign_agreement" and "cosine", arrays of shape
            (n_pairs, n_samples), and optionally "overall", "interval", "attributions" and "feature_names".
        kind : {"box", "features"}, default="box"
            See :meth:`plot`.
        max_display : int or None, default=10
            See :meth:`plot`.
        target_name : str, default=None
            What is explained, in words and with its unit.
        name : str, default=None
            The title.
        ax : matplotlib Axes, default=None
            Where to draw. A new figure when not given.

        Returns
        -------
        display : StabilityDisplay

        Raises
        ------
        ValueError
            When `stability` holds none of the measures.
        """
        measures = {key: stability[key] for key in MEASURES if key in stability}
        if not measures:
            raise ValueError(
                "The 'stability' parameter of StabilityDisplay.from_stability must hold at least one of "
                f"{', '.join(MEASURES)}. Got the fields {sorted(stability)}."
            )
        parts = {key: stability.get(key) for key in ("overall", "interval", "attributions", "feature_names")}
        display = cls(measures, **parts, target_name=target_name, name=name)
        return display.plot(kind, max_display=max_display, ax=ax)

    @classmethod
    def from_estimator(
        cls,
        explainer: Any,
        X: Any,
        y: Any = None,
        *,
        cv: Any = None,
        X_eval: Any = None,
        kind: str = "box",
        max_display: int | None = 10,
        target_name: str | None = None,
        name: str | None = None,
        ax: Axes | None = None,
    ) -> StabilityDisplay:
        """Fit the explainer on each fold, explain the same rows with each, and draw how well they agree.

        Parameters
        ----------
        explainer : explainer
            Cloned for each fold.
        X : array-like of shape (n_samples, n_features)
            Rows to train on.
        y : array-like of shape (n_samples,), default=None
            Targets to train on.
        cv : int, cross-validator or iterable, default=None
            How to split, as in ``explanation_stability``.
        X_eval : array-like of shape (n_eval, n_features), default=None
            The rows to explain, as in ``explanation_stability``.
        kind : {"box", "features"}, default="box"
            See :meth:`plot`.
        max_display : int or None, default=10
            See :meth:`plot`.
        target_name : str, default=None
            What is explained, in words and with its unit.
        name : str, default=None
            The title. The name of the explainer's class when not given.
        ax : matplotlib Axes, default=None
            Where to draw. A new figure when not given.

        Returns
        -------
        display : StabilityDisplay
        """
        require_matplotlib(f"{cls.__name__}.from_estimator")
        from sklearn_xai.model_selection import explanation_stability

        stability = explanation_stability(explainer, X, y, cv=cv, X_eval=X_eval)
        title = type(explainer).__name__ if name is None else name
        return cls.from_stability(
            stability, kind=kind, max_display=max_display, target_name=target_name, name=title, ax=ax
        )

    def plot(
        self, kind: str = "box", *, max_display: int | None = 10, ax: Axes | None = None, **kwargs: Any
    ) -> StabilityDisplay:
        """Draw the agreement of the folds.

        Parameters
        ----------
        kind : {"box", "features"}, default="box"
            "box": for each measure the distribution over rows (each row's mean over pairs of folds; whiskers at the 5th
            and 95th percentile), with the overall mean and its interval. "features": for each feature the mean absolute
            attribution, a point for each fold and a line over their range.
        max_display : int or None, default=10
            How many features get a place of their own with ``kind="features"``; the others are added up. None shows
            all.
        ax : matplotlib Axes, default=None
            Where to draw. A new figure when not given.
        **kwargs : dict
            Passed on to matplotlib's ``barh``, which draws the boxes and the bars.

        Returns
        -------
        self : StabilityDisplay

        Raises
        ------
        ValueError
            When `kind` is none of the above, or "features" without attributions.
        """
        caller = "StabilityDisplay.plot"
        check_choice(kind, ("box", "features"), "kind", caller)
        if kind == "box":
            figure, ax = axes_for(ax, caller, (7.5, 1.3 + 0.5 * len(self.measures)))
            self._plot_box(ax, **kwargs)
        else:
            if self.attributions is None:
                raise ValueError(
                    f"The 'kind' parameter of {caller} can be 'features' only when 'attributions' is given. Use 'box'."
                )
            n_shown = check_max_display(max_display, self.attributions.shape[2], caller)
            figure, ax = axes_for(ax, caller, (7.5, 1.5 + 0.33 * n_shown))
            self._plot_features(ax, n_shown, **kwargs)
        if self.name is not None:
            ax.set_title(shorten(self.name, 50), loc="left", fontsize="medium", color=INK)
        self.figure_, self.ax_ = figure, ax
        return self

    def _plot_box(self, ax: Axes, **kwargs: Any) -> None:
        names = list(self.measures)[::-1]
        rows = [_mean_over_pairs(self.measures[name]) for name in names]
        for y, row in enumerate(rows):
            if len(row):
                _draw_box(ax, y, row, **kwargs)
        set_rows(ax, [MEASURES.get(name, shorten(name)) for name in names])
        clean(ax)
        ends = [np.percentile(row, 5) for row in rows if len(row)]
        lowest = min([0.0, *ends, *(low for low, _ in self.interval.values() if np.isfinite(low))])
        ax.set_xlim(lowest - 0.03 if lowest < 0 else 0.0, 1.02)
        if lowest < 0:
            ax.axvline(0, color=INK, linewidth=0.8, zorder=0)
        make_room(ax, [self._mark_mean(ax, y, name) for y, name in enumerate(names)])
        left = ax.get_xlim()[0]
        ax.set_xticks([tick for tick in ax.get_xticks() if left <= tick <= 1.0 + 1e-9])
        ax.set_xlabel("agreement between folds (1 = the same explanation)")

    def _mark_mean(self, ax: Axes, y: int, name: str) -> Any:
        mean = self.overall.get(name, np.nan)
        if not np.isfinite(mean):
            return write_beside(ax, 1.0, y, "n/a")
        text = number_text(mean)
        if name in self.interval and np.isfinite(self.interval[name]).all():
            low, high = self.interval[name]
            ax.plot([low, high], [y, y], color=INK, linewidth=2.4, solid_capstyle="butt", zorder=3)
            text += f"  [{number_text(low)}, {number_text(high)}]"
        ax.plot([mean], [y], marker="D", markersize=5.5, color=INK, markeredgecolor="white", zorder=4)
        return write_beside(ax, 1.02, y, text)

    def _plot_features(self, ax: Axes, n_shown: int, **kwargs: Any) -> None:
        assert self.attributions is not None  # checked by plot
        folds = np.nanmean(np.abs(self.attributions), axis=1)
        order = np.argsort(-folds.mean(axis=0), kind="stable")
        shown, others = order[:n_shown], order[n_shown:]
        names = self.feature_names or [f"x{i}" for i in range(folds.shape[1])]
        labels, bars = [shorten(names[i]) for i in shown], folds[:, shown]
        if len(others):
            labels.append(f"{len(others):,} other features")
            bars = np.column_stack([bars, folds[:, others].sum(axis=1)])
        labels, bars = labels[::-1], bars[:, ::-1]

        y = np.arange(len(labels))
        ax.barh(y, bars.mean(axis=0), **{"height": 0.62, "color": MUTED, **kwargs})
        ax.hlines(y, bars.min(axis=0), bars.max(axis=0), color=NEUTRAL, linewidth=1.4, zorder=3)
        ax.scatter(
            bars.ravel(), np.tile(y, len(bars)), s=16, color=NEUTRAL, edgecolors="white", linewidths=0.5, zorder=4
        )
        set_rows(ax, labels)
        clean(ax)
        ax.set_xlim(0, float(bars.max()) * 1.05 or 1.0)
        quantity = "attribution" if self.target_name is None else f"attribution to {shorten(self.target_name, 60)}"
        ax.set_xlabel(f"mean absolute {quantity}\n(bar: mean of {len(bars)} folds, points: each fold)")


def _draw_box(ax: Axes, y: int, values: np.ndarray, **kwargs: Any) -> None:
    """Draw the quartiles of `values` as a box, their median, and a line from the 5th to the 95th percentile."""
    low, first, middle, third, high = np.percentile(values, [5, 25, 50, 75, 95])
    ax.hlines(y, low, high, color=NEUTRAL, linewidth=1.1, zorder=1)
    ax.vlines([low, high], y - 0.12, y + 0.12, color=NEUTRAL, linewidth=1.1, zorder=1)
    ax.barh(y, third - first, left=first, **{"height": 0.5, "color": MUTED, "zorder": 2, **kwargs})
    ax.vlines(middle, y - 0.25, y + 0.25, color=NEUTRAL, linewidth=1.4, zorder=2.5)


def _mean_over_pairs(agreement: np.ndarray) -> np.ndarray:
    """Return the mean over pairs of folds for each row where there is one."""
    known = np.isfinite(agreement)
    counts = known.sum(axis=0)
    sums = np.where(known, agreement, 0.0).sum(axis=0)
    return sums[counts > 0] / counts[counts > 0]
