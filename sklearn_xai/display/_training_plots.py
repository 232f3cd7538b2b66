"""How a training is drawn: losses, layers by epoch, columns and their drift."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_xai.display._common import (
    ANNOTATION_SIZE,
    INK,
    MISSING,
    NEUTRAL,
    POSITIVE,
    inches_of,
    number_text,
    shorten,
)
from sklearn_xai.display._evaluation_plots import add_key, framed
from sklearn_xai.display._heatmap import NOTHING, UNKNOWN
from sklearn_xai.display._series import OTHERS, PALETTE, even_numbers
from sklearn_xai.display._training_tables import SHARE, gradient_flags, settled

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_SMALL = ANNOTATION_SIZE - 0.5
MOST_COLUMNS = len(PALETTE)
MOST_NAMES = 16  # lines with names, of layers
MOST_EPOCHS = 8
TIMES = "\N{MULTIPLICATION SIGN}"
MARKS = {"vanishing": "▼", "exploding": "▲", "": ""}


def draw_losses(ax: Axes, table: pd.DataFrame, **kwargs: Any) -> None:
    """Draw the losses by epoch, and mark the least: of validation where there is one."""
    for color, name in zip(PALETTE, table.columns, strict=False):
        style = {"color": color, "linewidth": 1.8, "label": name, "marker": "o" if len(table) == 1 else ""}
        ax.plot(table.index, table[name], **{**style, **kwargs})
    judged = table["validation"] if "validation" in table else table.iloc[:, 0]
    finite = judged[np.isfinite(judged)]
    wrong = table.index[~np.isfinite(table).all(axis=1)]
    framed(ax, f"losses: not finite from epoch {wrong[0]} on" if len(wrong) else "losses", "epoch", "loss")
    if len(finite):
        best = finite.idxmin()
        text = f"best {judged.name}: {number_text(finite[best])} at epoch {best}"
        ax.axvline(best, color=MISSING, linewidth=1, linestyle=":", zorder=0.9)
        ax.plot([best], [finite[best]], "o", color=INK, markersize=5, label=text, zorder=3)
    _epoch_axis(ax, table.index)
    add_key(ax, loc="best", fontsize=_key_size(ax))


def _epoch_axis(ax: Axes, epochs: Any) -> None:
    """Let the x axis have ticks at whole epochs, also where there is one, or nothing that can be drawn."""
    if len(epochs) == 1 or not ax.dataLim.width > 0:
        ax.set_xlim(min(epochs) - 0.5, max(epochs) + 0.5)
        ax.set_xticks(_shown(epochs, MOST_EPOCHS))
    else:
        ax.locator_params(axis="x", integer=True)


def _key_size(ax: Axes) -> float:
    """Return the font size of a key that fits into axes, also into small ones inside others."""
    return min(_SMALL, max(5.0, 2.9 * inches_of(ax)[0]))


# ---------------------------------------------------------------------- layers by epoch
def draw_gradients(ax: Axes, table: pd.DataFrame, limit: float = 100.0, **kwargs: Any) -> None:
    """Draw the norms of the gradients of layers, and mark those that vanish or explode."""
    flags = gradient_flags(table, limit)
    names = {
        layer: f"{MARKS[row['flag']]} {_ratio_text(row['ratio'])}  {shorten(layer, 16)}"
        if row["flag"]
        else shorten(layer, 22)
        for layer, row in flags.iterrows()
    }
    _draw_layers(ax, table, "norm, mean over batches", names, logarithmic=True, **kwargs)
    for label, flag in zip(ax.get_yticklabels(), _shown(flags["flag"]), strict=True):
        label.set_color(POSITIVE if flag else INK)
    found = flags["flag"].value_counts()
    counts = ", ".join(f"{found[flag]} {flag}" for flag in ("vanishing", "exploding") if flag in found)
    title = f"gradients by layer: {counts or 'none vanish or explode'}"
    ax.set_title(title, fontsize="medium", color=INK, loc="left", pad=18)
    note = f"▼ < 1/{limit:g}, ▲ > {limit:g} of the last layer's (median of epochs)"
    ax.text(0, 1.025, note, transform=ax.transAxes, fontsize=_SMALL - 1, color=INK, va="bottom")


def _ratio_text(ratio: float) -> str:
    return f"{number_text(ratio, digits=1)}{TIMES}" if np.isfinite(ratio) else "not finite"


def draw_updates(ax: Axes, table: pd.DataFrame, **kwargs: Any) -> None:
    """Draw how far each epoch moved the weights of layers."""
    _draw_layers(ax, table, "share of their norm", None, logarithmic=True, **kwargs)
    ax.set_title("change of the weights in an epoch", fontsize="medium", color=INK, loc="left")


def draw_dead(ax: Axes, table: pd.DataFrame, **kwargs: Any) -> None:
    """Draw the share of dead units of layers."""
    _draw_layers(ax, table, "share of units", None, logarithmic=False, **kwargs)
    last = table.iloc[:, -1]
    most = f"up to {last.max():.0%} (layer {shorten(last.idxmax(), 14)})" if last.max() > 0 else "none in the end"
    ax.set_title(f"dead units: {most}", fontsize="medium", color=INK, loc="left")


def _draw_layers(
    ax: Axes, table: pd.DataFrame, quantity: str, names: dict | None, *, logarithmic: bool, **kwargs: Any
) -> None:
    """Draw a line for each layer, the first on top, and a place for each recorded epoch, as colours."""
    from matplotlib.colors import LinearSegmentedColormap, LogNorm, Normalize

    values = table.to_numpy(dtype=float)
    norm: Any
    cmap: Any
    if logarithmic:
        known = values[np.isfinite(values) & (values > 0)]
        low, high = (known.min(), known.max()) if known.size else (0.1, 1.0)
        low, high = (low, high) if high > 1.01 * low else (low / 3, high * 3)
        shown, norm, cmap = np.clip(values, low, high), LogNorm(low, high), "cividis"
    else:
        shown, norm = values, Normalize(0, 1)
        cmap = LinearSegmentedColormap.from_list("dead", [NOTHING, POSITIVE])
    ax.set_facecolor(UNKNOWN)
    epochs = np.asarray(table.columns, dtype=float)
    style = {"norm": norm, "cmap": cmap, **kwargs}
    mesh = ax.pcolormesh(_edges(epochs), np.arange(len(table) + 1) - 0.5, np.ma.masked_invalid(shown), **style)
    texts = [shorten(layer, 22) for layer in table.index] if names is None else [names[layer] for layer in table.index]
    ax.set_yticks(_shown(np.arange(len(table))), _shown(texts), fontsize=_SMALL, color=INK)
    ax.set_ylim(len(table) - 0.5, -0.5)
    ax.tick_params(length=0, labelsize=_SMALL)
    ax.set_xlabel("epoch", fontsize=ANNOTATION_SIZE, color=INK)
    ax.set_xticks(_shown(table.columns, MOST_EPOCHS))
    for spine in ax.spines.values():
        spine.set_visible(False)
    bar = ax.figure.colorbar(mesh, cax=ax.inset_axes((1.03, 0, 0.04, 1)))
    bar.set_label(quantity, fontsize=_SMALL, color=INK)
    bar.outline.set_visible(False)
    if logarithmic:
        bar.set_ticks(_round_numbers(low, high))
        bar.ax.yaxis.set_major_formatter(lambda value, place: number_text(value, digits=2))
        bar.minorticks_off()
    bar.ax.tick_params(length=0, labelsize=_SMALL, labelcolor=INK)


def _edges(epochs: np.ndarray) -> np.ndarray:
    """Return where the place of each epoch ends: half way to the next."""
    if len(epochs) == 1:
        return np.array([epochs[0] - 0.5, epochs[0] + 0.5])
    middle = (epochs[1:] + epochs[:-1]) / 2
    return np.concatenate([[2 * epochs[0] - middle[0]], middle, [2 * epochs[-1] - middle[-1]]])


def _shown(values: Any, most: int = MOST_NAMES) -> list:
    """Return those of the values that are written beside their places: all, or every second, third, ..."""
    return list(values)[:: -(-len(values) // most)]


def _round_numbers(low: float, high: float) -> list[float]:
    """Return some round numbers between two positive ones, far apart on a logarithmic scale."""
    decades = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    for digits in ((1,), (1, 3), (1, 2, 5), range(1, 10)):
        found = [digit * 10.0**decade for decade in decades for digit in digits]
        found = [number for number in found if low <= number <= high]
        if len(found) >= 3:
            return _shown(found, 6)
    return [low, high]


# ---------------------------------------------------------------------- columns by epoch
def draw_importance(ax: Axes, table: pd.DataFrame, tolerance: float = 0.02, **kwargs: Any) -> None:
    """Draw how important columns or concepts are in each epoch, and from when on they stay so."""
    quantity, kind = table.attrs.get("quantity", ""), table.attrs.get("kind", "column")
    known = table.dropna(how="all")
    order = known.iloc[-1].sort_values(ascending=False, kind="stable").index
    since = settled(table, tolerance)
    top, rest = list(order[:MOST_COLUMNS]), list(order[MOST_COLUMNS:])
    for name in rest:
        ax.plot(known.index, known[name], color=OTHERS, linewidth=0.9, zorder=1.5)
    last = even_numbers([*known[top].iloc[-1]])
    for name, color, value in zip(top, PALETTE, last, strict=False):
        moved = "moving" if np.isnan(since[name]) else f"● {since[name]:g}"
        style = {"color": color, "linewidth": 1.7, "marker": "o" if len(known) == 1 else ""}
        style["label"] = f"{shorten(name, 16)}  {value} {moved}"
        ax.plot(known.index, known[name], **{**style, **kwargs})
        if since[name] in table.index:
            ax.plot([since[name]], [table.loc[since[name], name]], "o", color=color, markersize=5, zorder=3)
    within = f"±{tolerance:g}" if quantity == SHARE else f"±{tolerance:.0%} of the largest"
    framed(ax, f"when each {kind} became important", "epoch", quantity)
    _epoch_axis(ax, table.index)
    others = f"\n(grey: {len(rest)} more)" if rest else ""
    style = {"title": f"at the end, ● from when on\nwithin {within} of that{others}", "title_fontsize": _SMALL}
    add_key(
        ax, loc="upper left", bbox_to_anchor=(1.0, 1.02), handlelength=1.0, handletextpad=0.4, alignment="left", **style
    )


def draw_drift(ax: Axes, table: pd.DataFrame, **kwargs: Any) -> None:
    """Draw how far attributions are from those of the epoch before, and of the last."""
    kinds = {"cosine": (NEUTRAL, "cosine"), "spearman": (PALETTE[1], "rank corr.")}
    for name in table.columns:
        before, measure = name.startswith("drift_"), name.rpartition("_")[2]
        color, text = kinds.get(measure, (INK, measure))
        label = f"{text}, to the {'epoch before' if before else 'last epoch'}"
        style = {"color": color, "linewidth": 1.7, "linestyle": "-" if before else "--", "label": label}
        ax.plot(table.index, table[name], **{**style, "marker": "o" if len(table) < 3 else "", **kwargs})
    framed(ax, "drift of the attributions", "epoch", "1 \N{MINUS SIGN} mean similarity")
    ax.set_ylim(0, 1.6 * max(np.nanmax(table.to_numpy(dtype=float)), 1e-6))  # the key is above the lines
    _epoch_axis(ax, table.index)
    add_key(ax, loc="upper right", fontsize=_key_size(ax))
