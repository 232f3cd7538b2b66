"""Tables of a training: what recorders noted, by layer or column and epoch, and which layers and columns stand out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

OVERALL = "(all)"  # what records call the place of a statistic of all together
SHARE = "share of importance"
LOSSES = {"train_loss": "training", "valid_loss": "validation"}


def loss_table(history: Any) -> pd.DataFrame | None:
    """Return the losses of a skorch history, a line for each epoch; None where there are none."""
    import pandas as pd

    there = {key: name for key, name in LOSSES.items() if any(key in row for row in history)}
    found = {name: [row.get(key, np.nan) for row in history] for key, name in there.items()}
    table = pd.DataFrame(found, index=pd.RangeIndex(1, len(history) + 1, name="epoch"), dtype=float)
    return table if table.size else None


def panels_of(name: str, frame: pd.DataFrame, order: list[str]) -> dict[str, pd.DataFrame]:
    """Return the tables that the records of one recorder have something for, by panel.

    Parameters
    ----------
    name : str
        Of the recorder, for messages.
    frame : DataFrame
        As ``TrainingRecords.to_frame`` returns it: the columns epoch, a place, statistic and value.
    order : list of str
        Layers in the order in which they are called, as far as that is known.
    """
    if list(frame.columns[[0]]) != ["epoch"] or list(frame.columns[2:]) != ["statistic", "value"]:
        raise ValueError(
            f"The records {name!r} of TrainingDisplay must have the columns 'epoch', 'layer' (or 'parameter', "
            f"'column', 'concept'), 'statistic' and 'value'. Got {list(frame.columns)}."
        )
    place = frame.columns[1]
    if place == "layer":
        found = {"dead": by_place(frame, "dead")}
    elif place == "parameter":
        found = {"gradients": gradient_norms(frame, order), "updates": update_ratios(frame, order)}
    else:
        found = {"importance": importances(frame), "drift": drifts(frame)}
    return {panel: table for panel, table in found.items() if table is not None and table.notna().to_numpy().any()}


def by_place(frame: pd.DataFrame, statistic: str) -> pd.DataFrame | None:
    """Return a statistic of each place (lines, in the order of the records) in each epoch (columns)."""
    place = frame.columns[1]
    rows = frame[(frame["statistic"] == statistic) & (frame[place] != OVERALL)]
    if rows.empty:
        return None
    table = rows.pivot(index=place, columns="epoch", values="value")
    return table.reindex(index=list(dict.fromkeys(rows[place])), columns=sorted(set(frame["epoch"])))


def gradient_norms(frame: pd.DataFrame, order: list[str]) -> pd.DataFrame | None:
    """Return the norms of the gradients of layers by epoch: the root of the sum of squares over their parameters.

    A norm that is no number is infinite: gradients of a training that went wrong, unlike those that no batch had.
    """
    norms = by_place(frame.assign(value=frame["value"].fillna(np.inf)), "gradient_norm")
    return None if norms is None else _in_order(_by_layer(norms**2) ** 0.5, order)


def update_ratios(frame: pd.DataFrame, order: list[str]) -> pd.DataFrame | None:
    """Return how far an epoch moved the weights of layers, as a share of their norm, all parameters together."""
    moved, norms = by_place(frame, "update"), by_place(frame, "norm")
    if moved is None or norms is None:
        return None
    norms = norms.reindex(index=moved.index, columns=moved.columns)
    total = _by_layer(norms**2)
    return _in_order((_by_layer((moved * norms) ** 2) / total.where(total > 0)) ** 0.5, order)


def _by_layer(table: pd.DataFrame) -> pd.DataFrame:
    layers = [name.rpartition(".")[0] or name for name in table.index]
    return table.groupby(layers, sort=False).sum(min_count=1).rename_axis("layer")


def _in_order(table: pd.DataFrame, order: list[str]) -> pd.DataFrame:
    return table.loc[sorted(table.index, key=order.index)] if set(table.index) <= set(order) else table


def gradient_flags(norms: pd.DataFrame, limit: float) -> pd.DataFrame:
    """Return how the gradients of layers compare with those of the last, and which vanish or explode.

    Parameters
    ----------
    norms : DataFrame
        As ``gradient_norms`` returns it.
    limit : float
        A layer's gradients vanish where the median over the epochs of their ratio is below ``1 / limit``, and explode
        where it is above ``limit`` or its norm is not finite.

    Returns
    -------
    DataFrame
        By layer: ``ratio``, and ``flag``, "vanishing", "exploding" or "".
    """
    import pandas as pd

    last = norms.iloc[-1].where(norms.iloc[-1] > 0)
    ratio = (norms / last).replace([np.inf, -np.inf], np.nan).median(axis=1)
    wild = np.isinf(norms.to_numpy(dtype=float)).any(axis=1)
    flag = np.where(ratio < 1 / limit, "vanishing", np.where((ratio > limit) | wild, "exploding", ""))
    return pd.DataFrame({"ratio": ratio, "flag": flag}, index=norms.index)


def importances(frame: pd.DataFrame) -> pd.DataFrame | None:
    """Return the importance of columns or concepts, a line for each epoch.

    That is the share of a column in the mean absolute attributions of all; of records without these, their first
    statistic as it is. ``attrs["quantity"]`` says which.
    """
    statistics = list(dict.fromkeys(frame.loc[frame[frame.columns[1]] != OVERALL, "statistic"]))
    if not statistics:
        return None
    chosen = "mean_abs" if "mean_abs" in statistics else statistics[0]
    values = by_place(frame, chosen)
    if values is None or (chosen == "mean_abs" and len(values) < 2):
        return None  # the share of a single column is no news
    table = values.T
    if chosen == "mean_abs":
        total = table.sum(axis=1)
        table = table.div(total.where(total > 0), axis=0)
    table.attrs.update(quantity=SHARE if chosen == "mean_abs" else chosen, kind=frame.columns[1])
    return table


def settled(table: pd.DataFrame, tolerance: float) -> pd.Series:
    """Return from which epoch on each column stays near its last value; NaN where it moved until the last epoch.

    Parameters
    ----------
    table : DataFrame
        As ``importances`` returns it.
    tolerance : float
        Near is within ``tolerance``, of shares; of other quantities, times the largest absolute value.
    """
    import pandas as pd

    values = table.to_numpy(dtype=float)
    scale = 1.0 if table.attrs.get("quantity") == SHARE else np.nanmax(np.abs(values), initial=0.0)
    near = np.abs(values - values[-1]) <= tolerance * scale + 1e-12
    first = np.where(near, 0, np.arange(1, len(near) + 1)[:, None]).max(
        axis=0
    )  # after the last epoch that was not near
    epochs = [float(table.index[i]) if i < max(1, len(table) - 1) else np.nan for i in first]
    return pd.Series(epochs, index=table.columns)


def drifts(frame: pd.DataFrame) -> pd.DataFrame | None:
    """Return the drift of attributions, a line for each epoch and a column for each kind that is known."""
    rows = frame[(frame[frame.columns[1]] == OVERALL) & frame["statistic"].str.contains("drift_|to_last_")]
    if rows["epoch"].nunique() < 2:
        return None
    return rows.pivot(index="epoch", columns="statistic", values="value").dropna(axis=1, how="all")
