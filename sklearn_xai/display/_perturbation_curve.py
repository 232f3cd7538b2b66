"""What the model says while players are removed or put in, the most important ones first."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from sklearn_xai._checks import check_choice
from sklearn_xai._typing import Rows, Seed
from sklearn_xai.display._common import (
    ANNOTATION_SIZE,
    GRID,
    INK,
    axes_for,
    check_max_display,
    check_named,
    clean,
    inches_of,
    require_matplotlib,
    shorten,
)
from sklearn_xai.display._perturbation_arrays import area_under, band_of_rows, mean_of_rows, on_common_fractions
from sklearn_xai.display._series import (
    CONTROL,
    OTHERS,
    chosen_series,
    control_among,
    end_axis,
    even_numbers,
    horizontal_grid,
    key_at_right,
    letters_in,
    series_styles,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_BANDS = 5  # more of them hide each other

X_LABELS = {
    "deletion": "share of players removed, most important first",
    "insertion": "share of players put in, most important first",
}
DIRECTIONS = {"deletion": "lower is better", "insertion": "higher is better"}
BANDS = {"interval": "95 % bootstrap interval of the mean", "quartiles": "quartiles of the rows"}


class PerturbationCurveDisplay:
    """Show how fast the output falls (or rises) when players are removed (or put in) in the order of an explanation.

    The area under the mean curve is the deletion (or insertion) score of an explainer. An explainer that does no
    better than the random control has found nothing.

    Parameters
    ----------
    fractions : array-like of shape (n_steps,)
        The shares of the players that are removed or put in, rising, usually from 0 to 1.
    curves : dict of str to array-like of shape (n_steps,) or (n_rows, n_steps)
        For each explainer the explained output at each share: the mean, or one curve a row. Rows with NaN are left out
        where they have it.
    kind : {"deletion", "insertion"}, default="deletion"
        Whether players are removed from the row or put into the background.
    control : str, default=None
        Which of `curves` is a random control. It is drawn in grey.
    base_value : float or array-like of shape (n_rows,), default=None
        The output with all players removed; its mean becomes a dotted line.
    full_value : float or array-like of shape (n_rows,), default=None
        The output with all players there; its mean becomes a dotted line.
    target_name : str, default=None
        What is explained, in words and with its unit.
    name : str, default=None
        The title.

    Attributes
    ----------
    auc : dict of str to float
        The area under the mean curve of each explainer (trapezoids) over the range of `fractions`: the mean output
        along the curve. NaN where the curve is.
    ax_ : matplotlib Axes
        The axes of the last picture.
    figure_ : matplotlib Figure
        The figure of the last picture.

    Raises
    ------
    ValueError
        When shapes do not belong together, or `kind` or `control` is not known.

    References
    ----------
    W. Samek, A. Binder, G. Montavon, S. Lapuschkin, K.-R. Mueller (2017). Evaluating the visualization of what a deep
    neural network has learned.
    V. Petsiuk, A. Das, K. Saenko (2018). RISE: Randomized input sampling for explanation of black-box models.

    See Also
    --------
    MetricsDisplay : Explainers by several measures at once.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from sklearn_xai.display import PerturbationCurveDisplay
    >>> curves = {"IG": [[1.0, 0.2, 0.0], [0.8, 0.2, 0.0]], "random": [[1.0, 0.5, 0.0], [0.8, 0.4, 0.0]]}
    >>> display = PerturbationCurveDisplay([0.0, 0.5, 1.0], curves, control="random")
    >>> {name: round(area, 3) for name, area in display.plot(ax=Figure().subplots()).auc.items()}
    {'IG': 0.325, 'random': 0.45}
    """

    def __init__(
        self,
        fractions: ArrayLike,
        curves: Mapping[str, Any],
        *,
        kind: str = "deletion",
        control: str | None = None,
        base_value: ArrayLike | None = None,
        full_value: ArrayLike | None = None,
        target_name: str | None = None,
        name: str | None = None,
    ) -> None:
        caller = type(self).__name__
        check_choice(kind, tuple(X_LABELS), "kind", caller)
        self.fractions = _as_fractions(fractions, caller)
        self.curves = {str(key): _as_curve(key, value, len(self.fractions), caller) for key, value in curves.items()}
        if not self.curves:
            raise ValueError(f"The 'curves' parameter of {caller} must hold at least one curve. Got none.")
        self.kind = kind
        self.control = control_among(list(self.curves), control, caller)
        self.base_value = _mean_or_none(base_value)
        self.full_value = _mean_or_none(full_value)
        self.auc = {key: area_under(self.fractions, mean_of_rows(value)) for key, value in self.curves.items()}
        self.target_name = target_name
        self.name = name

    @classmethod
    def from_explainers(
        cls,
        explainers: Mapping[str, Any],
        X: Rows,
        *,
        kind: str = "deletion",
        control: str | None = "auto",
        judge: str | None = "first",
        n_steps: int | None = None,
        removal: str | None = None,
        random_state: Seed = None,
        spread: str | None = "interval",
        max_display: int | None = 10,
        target_name: str | None = None,
        name: str | None = None,
        ax: Axes | None = None,
    ) -> PerturbationCurveDisplay:
        """Remove (or put in) the players of each row in the order of each explainer, and draw what the model says.

        Parameters
        ----------
        explainers : dict of str to fitted explainer
            Under the names they get in the picture.
        X : array-like of shape (n_samples, n_features)
            The rows to explain.
        kind : {"deletion", "insertion"}, default="deletion"
            Whether players are removed from the row or put into the background.
        control : str or None, default="auto"
            Which of `explainers` is a random control; "auto" takes the first whose name contains "random".
        judge : str or None, default="first"
            Which of `explainers` removes the players for all of them, by its background, removal and target, so that
            all curves begin and end alike; "first" is the first. None lets each explainer remove them itself: other
            draws from the background then move whole curves. Needed where explainers have other players.
        n_steps : int or None, default=None
            Number of steps, as in ``sklearn_xai.metrics.perturbation_curve``.
        removal : str or None, default=None
            How a player is removed, as in ``sklearn_xai.metrics.perturbation_curve``.
        random_state : int, RandomState instance or None, default=None
            Seeds the draws, if there are any.
        spread : {"interval", "quartiles"} or None, default="interval"
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
        display : PerturbationCurveDisplay

        Raises
        ------
        ValueError
            When `explainers` is empty or a parameter is not known.
        """
        caller = f"{cls.__name__}.from_explainers"
        require_matplotlib(caller)
        check_choice(kind, tuple(X_LABELS), "kind", caller)
        check_named(explainers, caller)
        control = control_among([str(key) for key in explainers], control, caller)
        if judge is not None:
            judge = next(iter(explainers)) if judge == "first" and "first" not in explainers else judge
            check_choice(judge, [*explainers], "judge", caller)
        from sklearn_xai.metrics import perturbation_curve

        options: dict[str, Any] = {"kind": kind, "n_steps": n_steps, "removal": removal, "random_state": random_state}
        judges = explainers if judge is None else dict.fromkeys(explainers, explainers[judge])
        found = {}
        for key, explainer in explainers.items():
            told: dict[str, Any] = (
                {} if judges[key] is explainer else {"attributions": np.asarray(explainer.transform(X))}
            )
            found[key] = perturbation_curve(judges[key], X, **told, **options)
        fractions, curves = on_common_fractions(found)
        display = cls(fractions, curves, kind=kind, control=control, target_name=target_name, name=name)
        return display.plot(ax, spread=spread, max_display=max_display)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        spread: str | None = "interval",
        max_display: int | None = 10,
        random_state: Seed = 0,
        **kwargs: Any,
    ) -> PerturbationCurveDisplay:
        """Draw the mean curve of each explainer, with bands, and its area in the key.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw. A new figure when not given.
        spread : {"interval", "quartiles"} or None, default="interval"
            What the bands are: the 95 % percentile bootstrap interval of the mean (1,000 resamples of the rows), or the
            quartiles of the rows. With more than five curves only the best one and the control get a band.
        max_display : int or None, default=10
            How many explainers, the best ones, get a colour and a name; the others become thin light lines. The control
            always has both. None shows all.
        random_state : int, RandomState instance or None, default=0
            Seeds the resamples.
        **kwargs : dict
            Passed on to matplotlib's ``plot``, which draws the curves.

        Returns
        -------
        self : PerturbationCurveDisplay

        Raises
        ------
        ValueError
            When `spread` or `max_display` is none of the above.
        """
        caller = f"{type(self).__name__}.plot"
        if spread is not None:
            check_choice(spread, tuple(BANDS), "spread", caller)
        rivals = [key for key in self.curves if key != self.control]
        shown = chosen_series(self._ranking(), check_max_display(max_display, len(rivals), caller), self.control)
        figure, ax = axes_for(ax, caller, (7.5, max(4.2, 1.4 + 0.19 * len(shown))))

        handles = self._draw_curves(ax, shown, **kwargs)
        bands = self._draw_bands(ax, shown, spread, random_state)
        clean(ax, grid=False)
        horizontal_grid(ax, GRID)
        limits = (float(self.fractions[0]), float(self.fractions[-1]))
        ax.set_xlim(limits)
        wrapped = [fill(line, max(30, letters_in(inches_of(ax)[0], 9.3))) for line in self._caption(bands)]
        ax.set_xlabel("\n".join(wrapped), color=INK)
        ax.set_ylabel(shorten(self.target_name or "explained output", 60), color=INK)
        if self.name is not None:
            ax.set_title(shorten(self.name, 50), loc="left", fontsize="medium", color=INK)
        labels = dict(zip(shown, even_numbers([self.auc[key] for key in shown]), strict=True))
        title = f"area under the curve\n({DIRECTIONS[self.kind]})"
        key_at_right(ax, handles, {**labels, **{key: "" for key in handles if key not in labels}}, title)
        end_axis(ax, limits)
        self._draw_levels(ax, limits)
        self.figure_, self.ax_ = figure, ax
        return self

    def _ranking(self) -> list[str]:
        """Return the names from the best area to the worst, those without one last."""
        sign = 1.0 if self.kind == "deletion" else -1.0
        worth = {key: sign * area if np.isfinite(area) else np.inf for key, area in self.auc.items()}
        return sorted(self.curves, key=lambda key: worth[key])

    def _styles(self, shown: list[str]) -> dict[str, dict[str, Any]]:
        return series_styles([key for key in self.curves if key in shown], self.control)

    def _draw_curves(self, ax: Axes, shown: list[str], **kwargs: Any) -> dict[str, Any]:
        styles = self._styles(shown)
        handles: dict[str, Any] = {}
        for key in shown:
            style = {item: styles[key][item] for item in ("color", "linestyle", "linewidth")}
            # Of lines that cross, the better one is on top.
            style["zorder"] = 3 - 0.5 * shown.index(key) / len(shown)
            handles[key] = ax.plot(self.fractions, mean_of_rows(self.curves[key]), **{**style, **kwargs})[0]
        others = [key for key in self.curves if key not in shown]
        for key in others:
            (line,) = ax.plot(self.fractions, mean_of_rows(self.curves[key]), color=OTHERS, linewidth=0.8, zorder=1)
            handles[f"{len(others)} others"] = line
        return handles

    def _draw_bands(self, ax: Axes, shown: list[str], spread: str | None, random_state: Any) -> str:
        """Draw the bands; say what they are and whose, or nothing when there is none."""
        if spread is None:
            return ""
        chosen = [key for key in shown if self.curves[key].ndim == 2]
        few = len(chosen) <= MOST_BANDS
        if not few:
            chosen = [key for key in chosen if key in (self.control, shown[0])]
        styles = self._styles(shown)
        for key in chosen:
            low, high = band_of_rows(self.curves[key], spread, random_state)
            color = styles[key]["color"]
            ax.fill_between(self.fractions, low, high, color=color, alpha=0.18, linewidth=0, zorder=2)
        if not chosen:
            return ""
        return f"bands{'' if few else ' (best, control)'}: {BANDS[spread]}"

    def _draw_levels(self, ax: Axes, limits: tuple[float, float]) -> None:
        """Draw the outputs with all players and with none, and name them at the ends where no curve is."""
        low, high = limits
        start, end = ax.get_xlim()
        named = letters_in(inches_of(ax)[0] * (high - low) / (end - start)) > 2 * len("all players there")
        levels = [("no player left", self.base_value), ("all players there", self.full_value)]
        for text, level in levels:
            if level is None or not np.isfinite(level):
                continue
            ax.hlines(level, low, high, color=CONTROL, linewidth=0.9, linestyle=":", zorder=1)
            if not named:
                continue
            starts_here = (text == "all players there") == (self.kind == "deletion")
            place: dict[str, Any] = (
                {"xy": (high, level), "ha": "right"} if starts_here else {"xy": (low, level), "ha": "left"}
            )
            style: dict[str, Any] = {"va": "bottom", "color": CONTROL, "fontsize": ANNOTATION_SIZE}
            ax.annotate(text, xytext=(0, 1.5), textcoords="offset points", **place, **style)

    def _caption(self, bands: str) -> list[str]:
        """Return the lines below the axis: what is on it, and what the lines and the bands are."""
        rows = {len(curve) for curve in self.curves.values() if curve.ndim == 2}
        lines = f"lines: mean of {max(rows):,} rows" if rows else ""
        return (
            [X_LABELS[self.kind], "; ".join(part for part in (lines, bands) if part)] if rows else [X_LABELS[self.kind]]
        )


def _as_fractions(fractions: Any, caller: str) -> np.ndarray:
    array = np.asarray(fractions, dtype=float)
    if array.ndim != 1 or len(array) < 2 or not np.isfinite(array).all() or (np.diff(array) <= 0).any():
        raise ValueError(
            f"The 'fractions' parameter of {caller} must be at least two rising numbers, shape (n_steps,). "
            f"Got shape {array.shape}."
        )
    return array


def _as_curve(name: Any, values: Any, n_steps: int, caller: str) -> np.ndarray:
    array = np.asarray(values, dtype=float)
    if array.ndim not in (1, 2) or array.shape[-1] != n_steps or array.size == 0:
        raise ValueError(
            f"The 'curves' parameter of {caller} must hold arrays of shape ({n_steps},) or (n_rows, {n_steps}), one "
            f"value for each of 'fractions'. Got shape {array.shape} for {name!r}."
        )
    return array


def _mean_or_none(value: Any) -> float | None:
    return None if value is None else float(np.mean(np.asarray(value, dtype=float)))
