"""How much explanations change when the network is trained on other folds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from sklearn_xai._checks import check_choice
from sklearn_xai._typing import Rows, Splits
from sklearn_xai.display._common import INK, axes_for, check_max_display, require_matplotlib, shorten
from sklearn_xai.display._heatmap import square_size
from sklearn_xai.display._stability_plots import (
    MEASURES,
    draw_box,
    draw_features,
    draw_matrix,
    draw_sources,
    matrix_of_pairs,
    pairs_of,
    unit_and_names,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

KINDS = ("box", "features", "matrix", "sources")


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
    pairs : array-like of int of shape (n_pairs, 2), default=None
        Which folds each row of `measures` compares, from 0. All pairs in the order of ``itertools.combinations`` when
        not given. Needed by ``kind="matrix"`` where not all pairs were compared.
    split_names : sequence of str of length n_splits, default=None
        The names of the folds. Numbers when not given.
    sources : dict of str to float, default=None
        For each source of disagreement (folds, seeds, backgrounds, noise, ...) its share, from 0 to 1. Needed by
        ``kind="sources"``.
    unit : str, default="fold"
        What one of the explanations stands for: a fold, a seed, a fit.
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
        attributions: ArrayLike | None = None,
        feature_names: Sequence[str] | None = None,
        pairs: ArrayLike | None = None,
        split_names: Sequence[str] | None = None,
        sources: Mapping[str, float] | None = None,
        unit: str = "fold",
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
        self.pairs = None if pairs is None else np.asarray(pairs, dtype=int)
        if self.pairs is not None and (self.pairs.ndim != 2 or self.pairs.shape[1] != 2):
            raise ValueError(
                f"The 'pairs' parameter of StabilityDisplay must have shape (n_pairs, 2). Got shape {self.pairs.shape}."
            )
        self.split_names = None if split_names is None else [str(split) for split in split_names]
        self.sources = None if sources is None else {str(key): float(share) for key, share in sources.items()}
        if self.sources is not None and (not self.sources or min(self.sources.values()) < 0):
            raise ValueError(
                "The 'sources' parameter of StabilityDisplay must hold at least one share, none below 0. "
                f"Got {self.sources}."
            )
        self.unit = unit
        self.target_name = target_name
        self.name = name

    @classmethod
    def from_stability(
        cls,
        stability: Mapping[str, Any],
        *,
        kind: str = "box",
        measure: str | None = None,
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
            (n_pairs, n_samples), and optionally "overall", "interval", "attributions", "feature_names", "pairs",
            "conditions" (dict of source to the level in each fit) and "decomposition" (with its "shares").
        kind : {"box", "features", "matrix", "sources"}, default="box"
            See :meth:`plot`.
        measure : str, default=None
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
        parts: dict[str, Any] = {
            key: stability.get(key) for key in ("overall", "interval", "attributions", "feature_names", "pairs")
        }
        unit, names = unit_and_names(stability.get("conditions"))
        decomposition = stability.get("decomposition") or {}
        parts |= {"unit": unit, "split_names": names, "sources": decomposition.get("shares") or None}
        display = cls(measures, **parts, target_name=target_name, name=name)
        return display.plot(kind, measure=measure, max_display=max_display, ax=ax)

    @classmethod
    def from_estimator(
        cls,
        explainer: Any,
        X: Rows,
        y: ArrayLike | None = None,
        *,
        cv: Splits = None,
        X_eval: Rows | None = None,
        kind: str = "box",
        measure: str | None = None,
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
        kind : {"box", "features", "matrix", "sources"}, default="box"
            See :meth:`plot`.
        measure : str, default=None
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
            stability, kind=kind, measure=measure, max_display=max_display, target_name=target_name, name=title, ax=ax
        )

    def plot(
        self,
        kind: str = "box",
        *,
        measure: str | None = None,
        max_display: int | None = 10,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> StabilityDisplay:
        """Draw the agreement of the folds.

        Parameters
        ----------
        kind : {"box", "features", "matrix", "sources"}, default="box"
            "box": for each measure the distribution over rows (each row's mean over pairs of folds; whiskers at the 5th
            and 95th percentile), with the overall mean and its interval. "features": for each feature the mean absolute
            attribution, a point for each fold and a line over their range. "matrix": one measure of each fold with each
            other, the mean over rows; pairs that were not compared are "n/a". "sources": the share of the disagreement
            that each source has.
        measure : str, default=None
            Which of `measures` is drawn with ``kind="matrix"``. The first when not given.
        max_display : int or None, default=10
            How many features get a place of their own with ``kind="features"``; the others are added up. None shows
            all.
        ax : matplotlib Axes, default=None
            Where to draw. A new figure when not given.
        **kwargs : dict
            Passed on to matplotlib's ``barh``, which draws the boxes and the bars, or ``imshow``, which draws the
            matrix.

        Returns
        -------
        self : StabilityDisplay

        Raises
        ------
        ValueError
            When `kind` or `measure` is none of the above, or what `kind` needs was not given.
        """
        caller = "StabilityDisplay.plot"
        check_choice(kind, KINDS, "kind", caller)
        if measure is not None:
            check_choice(measure, tuple(self.measures), "measure", caller)
        if kind == "matrix":
            figure, ax = self._plot_matrix(ax, measure, **kwargs)
        elif kind == "features":
            figure, ax = self._plot_features(ax, max_display, **kwargs)
        else:
            figure, ax = (self._plot_box if kind == "box" else self._plot_sources)(ax, **kwargs)
        if self.name is not None:
            ax.set_title(shorten(self.name, 50), loc="left", fontsize="medium", color=INK)
        self.figure_, self.ax_ = figure, ax
        return self

    def _plot_box(self, ax: Axes | None, **kwargs: Any) -> tuple[Figure, Axes]:
        figure, ax = axes_for(ax, "StabilityDisplay.plot", (7.5, 1.3 + 0.5 * len(self.measures)))
        draw_box(ax, self.measures, self.overall, self.interval, self.unit, **kwargs)
        return figure, ax

    def _plot_features(self, ax: Axes | None, max_display: int | None, **kwargs: Any) -> tuple[Figure, Axes]:
        caller = "StabilityDisplay.plot"
        if self.attributions is None:
            raise ValueError(
                f"The 'kind' parameter of {caller} can be 'features' only when 'attributions' is given. Use 'box'."
            )
        n_shown = check_max_display(max_display, self.attributions.shape[2], caller)
        figure, ax = axes_for(ax, caller, (7.5, 1.5 + 0.33 * n_shown))
        quantity = "attribution" if self.target_name is None else f"attribution to {shorten(self.target_name, 60)}"
        draw_features(ax, self.attributions, self.feature_names, n_shown, quantity, self.unit, **kwargs)
        return figure, ax

    def _plot_sources(self, ax: Axes | None, **kwargs: Any) -> tuple[Figure, Axes]:
        caller = "StabilityDisplay.plot"
        if self.sources is None:
            raise ValueError(
                f"The 'kind' parameter of {caller} can be 'sources' only when 'sources' is given. Use 'box'."
            )
        figure, ax = axes_for(ax, caller, (7.0, 1.1 + 0.36 * len(self.sources)))
        draw_sources(ax, self.sources, **kwargs)
        return figure, ax

    def _plot_matrix(self, ax: Axes | None, measure: str | None, **kwargs: Any) -> tuple[Figure, Axes]:
        caller = "StabilityDisplay.plot"
        if measure is None and self.measures:
            measure = next(iter(self.measures))
        check_choice(measure, tuple(self.measures), "measure", caller)
        assert measure is not None  # as check_choice saw to
        agreement = self.measures[measure]
        pairs = pairs_of(len(agreement)) if self.pairs is None else self.pairs
        if pairs is None or len(pairs) != len(agreement):
            raise ValueError(
                f"The 'pairs' parameter of StabilityDisplay must say which folds are compared in each of the "
                f"{len(agreement)} pairs of {measure!r}. Got {'none' if pairs is None else len(pairs)}."
            )
        names = self.split_names or [f"{self.unit} {i + 1}" for i in range(int(pairs.max()) + 1)]
        if int(pairs.max()) >= len(names):
            raise ValueError(
                f"The 'split_names' parameter of StabilityDisplay must have a name for each of the {pairs.max() + 1} "
                f"folds. Got {len(names)}."
            )
        figure, ax = axes_for(ax, caller, square_size(len(names), max(len(name) for name in names)))
        label = f"{MEASURES.get(measure, measure.replace('_', ' '))}, mean over rows"
        draw_matrix(ax, matrix_of_pairs(agreement, pairs, len(names)), names, label, **kwargs)
        return figure, ax
