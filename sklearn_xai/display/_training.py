"""How a training went: losses, gradients by layer, dead units, and when each column became important."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sklearn_xai.display._common import INK, require_matplotlib, shorten
from sklearn_xai.display._training_plots import (
    draw_dead,
    draw_drift,
    draw_gradients,
    draw_importance,
    draw_losses,
    draw_updates,
)
from sklearn_xai.display._training_sources import records_by_name, records_in, tables_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

PANELS: dict[str, Callable[..., None]] = {
    "loss": draw_losses,
    "gradients": draw_gradients,
    "updates": draw_updates,
    "dead": draw_dead,
    "importance": draw_importance,
    "drift": draw_drift,
}
PANELS_PER_LINE = 3


class TrainingDisplay:
    r"""Show how a training went: does it learn, do gradients reach all layers, when did each column become important?

    There is a panel for everything that was recorded:

    - "loss": the losses of training and validation, and the epoch with the least;
    - "gradients": the norms :math:`g_l` of the gradients of layers. Layer l is marked as *vanishing* where the median
      over the epochs of :math:`g_l / g_L`, L the last layer, is below 1/100, as *exploding* where it is above 100;
    - "updates": by how much each epoch moved the weights of a layer, as a share of their norm;
    - "dead": the share of the units of a layer that are 0 for all rows of the probe;
    - "importance": the share of each column in the mean absolute attributions, and the first epoch from which on it
      stays within 0.02 of its last; or values of concepts by epoch;
    - "drift": how far the attributions are from those of the epoch before, and of the last.

    Parameters
    ----------
    tables : dict of str to DataFrame
        What is drawn, by panel; "gradients", "updates" and "dead" have a line for each layer and a column for each
        epoch, the others a line for each epoch. Panels of a second recorder of a kind are called "importance:name".
    title : str, default="Training"

    Attributes
    ----------
    axes_ : dict of str to matplotlib Axes
        The panels of the last picture, by name.
    ax_ : matplotlib Axes
        The axes that was given, or the first panel.
    figure_ : matplotlib Figure
        The figure of the last picture.

    See Also
    --------
    sklearn_xai.ActivationRecorder, sklearn_xai.ParameterRecorder, sklearn_xai.AttributionRecorder : Record what is
        drawn here.
    sklearn_xai.TensorBoardExplanations : Shows a training while it goes on.

    References
    ----------
    Glorot, X. and Bengio, Y. (2010). Understanding the Difficulty of Training Deep Feedforward Neural Networks.

    Examples
    --------
    >>> import numpy as np
    >>> from matplotlib.figure import Figure
    >>> from skorch import NeuralNetRegressor
    >>> from torch import nn
    >>> from sklearn_xai import ParameterRecorder
    >>> from sklearn_xai.display import TrainingDisplay
    >>> X = np.random.RandomState(0).randn(50, 3).astype(np.float32)
    >>> module = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
    >>> net = NeuralNetRegressor(module, max_epochs=3, verbose=0, callbacks=[ParameterRecorder()]).fit(X, X[:, :1])
    >>> display = TrainingDisplay.from_net(net, ax=Figure().subplots())
    >>> list(display.axes_)
    ['loss', 'gradients', 'updates']

    Of concepts, records are made by hand, one for each epoch, of whatever says how important they are:

    >>> from sklearn_xai import TrainingRecords
    >>> records = TrainingRecords(name="concepts", place="concept")
    >>> for epoch, score in enumerate([0.2, 0.8, 0.9], start=1):
    ...     seen = records.add(epoch, {"striped": {"score": score}, "dotted": {"score": 0.1}}, {})
    >>> list(TrainingDisplay.from_records(records, ax=Figure().subplots()).axes_)
    ['importance']
    """

    def __init__(self, tables: Mapping[str, pd.DataFrame], *, title: str = "Training") -> None:
        self.tables = dict(tables)
        self.title = title

    @classmethod
    def from_net(
        cls, net: Any, *, panels: Sequence[str] | None = None, ax: Axes | None = None, **kwargs: Any
    ) -> TrainingDisplay:
        """Draw what is in the history of a net.

        Parameters
        ----------
        net : skorch net, or Pipeline that ends in one
            Trained with recorders among its callbacks.
        panels : sequence of str, default=None
            As in :meth:`plot`.
        ax : matplotlib Axes, default=None
            As in :meth:`plot`.
        **kwargs : dict
            As in :meth:`plot`.

        Returns
        -------
        display : TrainingDisplay

        Raises
        ------
        ValueError
            When no recorder wrote into the history.
        """
        require_matplotlib(f"{cls.__name__}.from_net")
        net = net.steps[-1][1] if hasattr(net, "steps") else net
        history = getattr(net, "history_", None)
        if history is None:
            raise TypeError(
                f"The 'net' parameter of {cls.__name__}.from_net must be a fitted skorch net, or a Pipeline that ends "
                f"in one: it has a history of its training. Got {type(net).__name__}"
                f"{', which is not fitted yet' if hasattr(net, 'initialize_module') else ''}."
            )
        found = records_in(history)
        module = type(net.module_).__name__ if hasattr(net, "module_") else "?"
        title = f"Training of {type(net).__name__} ({module}), {len(history)} epoch{'s' * (len(history) != 1)}"
        return cls(tables_of(found, history), title=title).plot(ax=ax, panels=panels, **kwargs)

    @classmethod
    def from_records(
        cls,
        records: Any,
        *,
        history: Any = None,
        panels: Sequence[str] | None = None,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> TrainingDisplay:
        """Draw what recorders recorded, also what they wrote to a file.

        Parameters
        ----------
        records : TrainingRecords, DataFrame, list or dict of these, str or Path
            The ``records_`` of recorders, tables like those of their ``to_frame``, what ``read_records`` returns, or
            the file that it reads.
        history : skorch History, default=None
            Of the same training, for the losses.
        panels : sequence of str, default=None
            As in :meth:`plot`.
        ax : matplotlib Axes, default=None
            As in :meth:`plot`.
        **kwargs : dict
            As in :meth:`plot`.

        Returns
        -------
        display : TrainingDisplay

        Raises
        ------
        ValueError
            When nothing is recorded.
        """
        require_matplotlib(f"{cls.__name__}.from_records")
        return cls(tables_of(records_by_name(records), history)).plot(ax=ax, panels=panels, **kwargs)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        panels: Sequence[str] | None = None,
        limit: float = 100.0,
        tolerance: float = 0.02,
        **kwargs: Any,
    ) -> TrainingDisplay:
        """Draw the panels.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; several panels share its space. A new figure when not given.
        panels : sequence of str, default=None
            Keys of ``tables``; all when not given.
        limit : float, default=100
            Gradients of a layer vanish below 1 / limit of those of the last layer, and explode above limit times them.
        tolerance : float, default=0.02
            How near to its last value a column that has settled stays, as a share of the importance of all columns; of
            other quantities, of the largest absolute value.
        **kwargs : dict
            With a single panel, passed on to the matplotlib function that draws it.

        Returns
        -------
        self : TrainingDisplay
        """
        require_matplotlib("TrainingDisplay.plot")
        names = self._chosen(panels)
        if kwargs and len(names) > 1:
            raise TypeError(f"TrainingDisplay.plot hands {sorted(kwargs)} to one panel: name it in 'panels'.")
        _check_positive(limit=(limit, 1), tolerance=(tolerance, 0))
        places = _places(ax, len(names))
        self.axes_ = dict(zip(names, places, strict=True))
        self.ax_ = places[0] if ax is None else ax
        self.figure_ = self.ax_.figure
        if len(names) > 1 and ax is None:
            self.figure_.suptitle(self.title, x=0.01, ha="left", fontsize=11, color=INK)
        elif len(names) > 1:
            self.ax_.set_title(self.title, fontsize="medium", color=INK, loc="left")
        for name, place in self.axes_.items():
            panel, _, recorder = name.partition(":")
            own = {"gradients": {"limit": limit}, "importance": {"tolerance": tolerance}}.get(panel, {})
            PANELS[panel](place, self.tables[name], **own, **kwargs)
            if recorder:
                place.set_title(f"{place.get_title(loc='left')} ({shorten(recorder, 16)})", loc="left")
        return self

    def _chosen(self, panels: Sequence[str] | None) -> list[str]:
        names = list(self.tables) if panels is None else [panels] if isinstance(panels, str) else list(panels)
        if not names or not set(names) <= set(self.tables) or len(set(names)) < len(names):
            raise ValueError(
                f"The 'panels' parameter of TrainingDisplay must name some of {list(self.tables)}, which is what was "
                f"recorded, once. Got {names}."
            )
        return names


def _check_positive(**numbers: tuple[float, float]) -> None:
    for name, (value, least) in numbers.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > least:
            raise ValueError(
                f"The '{name}' parameter of TrainingDisplay must be a number above {least}. Got {value!r}."
            )


def _places(ax: Axes | None, n_panels: int) -> list[Axes]:
    """Return axes for the panels, in a new figure or inside those that are given."""
    n_columns = min(n_panels, PANELS_PER_LINE if n_panels != 4 else 2)
    n_lines = -(-n_panels // n_columns)
    if ax is None:
        from matplotlib import pyplot as plt

        size = (5.2 * n_columns, 3.5 * n_lines + 0.5 * (n_panels > 1))
        figure, grid = plt.subplots(n_lines, n_columns, figsize=size, squeeze=False)
        figure.set_layout_engine("constrained", w_pad=0.1, h_pad=0.08, wspace=0.04, hspace=0.05)
        for spare in grid.ravel()[n_panels:]:
            spare.remove()
        return list(grid.ravel()[:n_panels])
    if n_panels == 1:
        return [ax]
    ax.set_axis_off()
    places = [divmod(i, n_columns) for i in range(n_panels)]
    return [
        ax.inset_axes(((j + 0.2) / n_columns, 1 - (i + 0.76) / n_lines, 0.46 / n_columns, 0.56 / n_lines))
        for i, j in places
    ]
