"""What the units of a network respond to, as pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from sklearn_xai._checks import check_choice, check_whole
from sklearn_xai._typing import Layer, Rows
from sklearn_xai.display import _activation_reading as reading
from sklearn_xai.display._activation_order import chosen_units, order_of
from sklearn_xai.display._activation_pictures import ActivationPictures
from sklearn_xai.display._activation_shown import as_images, shown_inputs, shown_rows
from sklearn_xai.display._common import require_matplotlib
from sklearn_xai.display._image_plots import limits_of
from sklearn_xai.network import maximise_activation, top_rows
from sklearn_xai.network.activations import POOLING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

KINDS = ("feature_maps", "units", "top", "maximised")


class ActivationDisplay(ActivationPictures):
    """Show what the units of a layer respond to: in one row, over a set of rows, and at their strongest.

    Build it with :meth:`from_feature_maps`, :meth:`from_units`, :meth:`from_top_images` or :meth:`from_maximised`,
    which also draw; call :meth:`plot` to draw the same again.

    Parameters
    ----------
    kind : {"feature_maps", "units", "top", "maximised"}
        Which of the four questions is answered.
    activations : array-like
        "feature_maps": of one row, of shape (n_units, height, width), (n_units, n_places) or (n_units,). "units": of
        shape (n_rows, n_units), as they are drawn. "top": of shape (n_units, n_top), the strongest first. "maximised":
        of shape (n_units, 2), of the input found and of the best row of X.
    units : array-like of int of shape (n_units,)
        The places of the units in their layer, as they are drawn.
    layer : str
        The layer, in words.
    rows : array-like of int, default=None
        Places in X of the rows that are drawn: (1,) of "feature_maps", (n_rows,) of "units", (n_units, n_top) of "top",
        (n_units,) of "maximised".
    labels : array-like of the shape of `rows`, default=None
        The class of each row, or a number.
    inputs : array-like, default=None
        What is drawn of inputs: of "feature_maps" the image, of "top" and "maximised" images, values of columns or
        texts, of a shape that begins with that of `activations`.
    deviations : array-like of shape (n_units, n_inputs, n_columns), default=None
        Values of columns in standard deviations from the mean of X; NaN for what is no number.
    column_names : sequence of str of length n_columns, default=None
        Of a table; of "feature_maps" the words at the places.
    limits : (float, float), default=None
        The numbers that are black and white in images.
    scaled : array-like of shape (n_rows, n_units), default=None
        Of "units": the activations on the scale of the colours. `activations` when not given.
    means, zero_shares : array-like of shape (n_units,), default=None
        Of "units": the mean activation over all rows, and the share of the rows where it is exactly 0.
    scaling : {"max", "standard"}, default="max"
        Of "units": see :meth:`from_units`.
    notes : sequence of str, default=()
        What is written below the picture.
    name : str, default=None
        The title. One that says what is shown when not given.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes of the last picture.
    figure_ : matplotlib Figure
        The figure of the last picture.
    image_axes_ : ndarray of matplotlib Axes
        The axes of images: of "feature_maps" the image and then the maps, (1 + n_units,); of "top" (n_units, n_top); of
        "maximised" (n_units, 2). Exists where images are drawn.
    unit_axes_ : tuple of three matplotlib Axes
        The activations, the means and the shares of zeros of "units".
    word_texts_ : list of lists of matplotlib Text
        The texts of each unit. Exists where texts are drawn.

    See Also
    --------
    sklearn_xai.LayerActivations : Activations as features.
    sklearn_xai.top_rows : The rows that excite units most.
    sklearn_xai.maximise_activation : The inputs that excite units most.
    ProjectionDisplay : All units of a layer at once, in two dimensions.

    References
    ----------
    M. D. Zeiler, R. Fergus (2014). Visualizing and Understanding Convolutional Networks.

    D. Erhan, Y. Bengio, A. Courville, P. Vincent (2009). Visualizing Higher-Layer Features of a Deep Network.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from sklearn.datasets import load_iris
    >>> from torch import nn
    >>> from sklearn_xai.display import ActivationDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> module = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    >>> ActivationDisplay.from_units(module, X, y, layer="1", ax=Figure().subplots()).activations.shape
    (150, 8)
    """

    def __init__(
        self,
        kind: str,
        activations: ArrayLike,
        *,
        units: ArrayLike,
        layer: str,
        rows: ArrayLike | None = None,
        labels: ArrayLike | None = None,
        inputs: ArrayLike | None = None,
        deviations: ArrayLike | None = None,
        column_names: Sequence[str] | None = None,
        limits: tuple[float, float] | None = None,
        scaled: ArrayLike | None = None,
        means: ArrayLike | None = None,
        zero_shares: ArrayLike | None = None,
        scaling: str = "max",
        notes: Sequence[str] = (),
        name: str | None = None,
    ) -> None:
        check_choice(kind, KINDS, "kind", "ActivationDisplay")
        check_choice(scaling, ("max", "standard"), "scaling", "ActivationDisplay")
        self.kind = kind
        self.activations = np.asarray(activations)
        self.units = np.asarray(units)
        n_units = self.activations.shape[1 if kind == "units" else 0]
        if self.units.shape != (n_units,):
            raise ValueError(
                f"The 'units' parameter of ActivationDisplay must name each of the {n_units} units of 'activations'. "
                f"Got shape {self.units.shape}."
            )
        self.layer = layer
        self.rows = None if rows is None else np.asarray(rows)
        self.labels = None if labels is None else np.asarray(labels)
        self.inputs = None if inputs is None else np.asarray(inputs)
        self.deviations = None if deviations is None else np.asarray(deviations)
        self.column_names = None if column_names is None else list(column_names)
        self.limits = limits
        self.scaled = None if scaled is None else np.asarray(scaled)
        self.means = None if means is None else np.asarray(means)
        self.zero_shares = None if zero_shares is None else np.asarray(zero_shares)
        self.scaling = scaling
        self.notes = list(notes)
        self.name = name

    @classmethod
    def from_feature_maps(
        cls,
        estimator: Any,
        X: Rows,
        *,
        layer: Layer,
        row: int = 0,
        units: int | Sequence[int] | None = None,
        max_units: int = 16,
        name: str | None = None,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> ActivationDisplay:
        """Draw what the units of a layer say of one row.

        Units of a convolutional layer are maps beside the image, under one scale of colours; units of a sequence are
        rows of colours, a column for each place; those of a flat layer are bars.

        Parameters
        ----------
        estimator : fitted skorch net, torch.nn.Module, or Pipeline that ends in one
        X : DataFrame or array-like of shape (n_samples, n_features), array of shape (n_samples, ...), or texts
        layer : str, (str, "input") or None
            A name as ``layer_names`` lists them. None is the input of the last layer that has weights.
        row : int, default=0
            Which row of X.
        units : int or list of int, default=None
            Which units. None takes those whose absolute activation is largest in this row, in their order.
        max_units : int, default=16
            At most so many where `units` is None.
        name : str, default=None
            The title.
        ax : matplotlib Axes, default=None
            Where to draw. A new figure when not given.
        **kwargs : dict
            Passed on to matplotlib's ``imshow``, or ``barh``.

        Returns
        -------
        display : ActivationDisplay

        Raises
        ------
        ValueError
            When there is no such layer, row or unit, or X is empty or has missing values.
        """
        caller = f"{cls.__name__}.from_feature_maps"
        require_matplotlib(caller)
        n_most = check_whole(max_units, "max_units", caller)
        looking = reading.look_at(estimator, X, layer)
        row = reading.row_of(row, len(looking.rows))
        values = looking.values([row])[0]
        if values.ndim not in (1, 2, 3):
            raise ValueError(
                "ActivationDisplay draws maps of 2 axes, places of 1 or single numbers. A unit of "
                f"{looking.layer_text} has {values.ndim - 1} axes. Name another layer."
            )
        n_padding, words = 0, looking.words(row) if values.ndim == 2 else None
        if words is not None and values.shape[1:] == looking.inputs().shape[1:]:
            n_padding = values.shape[1] - len(words)
            values = values[:, : len(words)]
        strength = np.abs(values).reshape(len(values), -1).max(axis=1)
        chosen = chosen_units(strength, n_most) if units is None else looking.units(units)
        images = as_images(looking.inputs()) if values.ndim == 3 else None
        why = ", those with the largest absolute activation in this row"
        notes = looking.left_out(chosen, why) if units is None else []
        display = cls(
            "feature_maps",
            values[chosen],
            units=chosen,
            layer=looking.layer_text,
            rows=[row],
            inputs=None if images is None else images[row],
            limits=None if images is None else limits_of(images),
            column_names=words if words is not None and len(words) == values.shape[1] else None,
            notes=[*notes, *([f"{n_padding} place{'s' * (n_padding > 1)} of padding not shown"] if n_padding else [])],
            name=name,
        )
        return display.plot(ax=ax, **kwargs)

    @classmethod
    def from_units(
        cls,
        estimator: Any,
        X: Rows,
        y: ArrayLike | None = None,
        *,
        layer: Layer,
        units: int | Sequence[int] | None = None,
        max_units: int = 40,
        max_rows: int = 500,
        pooling: Literal["mean", "max"] = "mean",
        scaling: str = "max",
        name: str | None = None,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> ActivationDisplay:
        r"""Draw what units say of many rows: which are the units of which class, and which are never active?

        Rows are put in the order of their classes, and units in that of the class where they are highest, first the one
        that tells it apart best, by the share of the variance between classes, :math:`\eta^2`. Where y are numbers,
        rows go from the smallest to the largest and units by their correlation with y. Without y, similar ones stand
        together (Ward's clustering).

        Parameters
        ----------
        estimator : fitted skorch net, torch.nn.Module, or Pipeline that ends in one
        X : DataFrame or array-like of shape (n_samples, n_features), array of shape (n_samples, ...), or texts
        y : array-like of shape (n_samples,), default=None
            Classes or numbers to put the rows in order by.
        layer : str, (str, "input") or None
            A name as ``layer_names`` lists them. None is the input of the last layer that has weights.
        units : int or list of int, default=None
            Which units. None takes those that tell rows apart best.
        max_units : int, default=40
            At most so many where `units` is None.
        max_rows : int, default=500
            Of more rows a sample is drawn, the same every time. The order of the units, means, shares and scales come
            from all rows.
        pooling : {"mean", "max"}, default="mean"
            What is taken of a unit's places.
        scaling : {"max", "standard"}, default="max"
            "max" divides each unit by its largest absolute activation, "standard" subtracts its mean and divides by its
            standard deviation.
        name : str, default=None
            The title.
        ax : matplotlib Axes, default=None
            Where to draw. A new figure when not given.
        **kwargs : dict
            Passed on to matplotlib's ``imshow``.

        Returns
        -------
        display : ActivationDisplay

        Raises
        ------
        ValueError
            When there is no such layer or unit, X is empty or has missing values, or y does not belong to it.
        """
        caller = f"{cls.__name__}.from_units"
        require_matplotlib(caller)
        check_choice(scaling, ("max", "standard"), "scaling", caller)
        check_choice(pooling, POOLING[:2], "pooling", caller)
        n_most, n_drawn = check_whole(max_units, "max_units", caller), check_whole(max_rows, "max_rows", caller)
        looking = reading.look_at(estimator, X, layer)
        labels = looking.targets(y)
        values = looking.pooled(pooling)
        order = order_of(values, labels, classifier=looking.classifier, scaling=scaling, n_most=n_most)
        chosen = order.units if units is None else looking.units(units)
        drawn, scaled = order.rows(values, chosen, n_drawn)
        notes = looking.left_out(chosen, f", {order.why}") if units is None else []
        if len(drawn) < len(values):
            notes.append(f"{len(drawn):,} of {len(values):,} rows")
        if looking.shape != (looking.n_units,):
            notes.append(f"{pooling} of the places of each unit")
        display = cls(
            "units",
            values[drawn][:, chosen],
            units=chosen,
            layer=looking.layer_text,
            rows=drawn,
            labels=None if order.labels is None else order.labels[drawn],
            scaled=scaled,
            means=values[:, chosen].mean(axis=0, dtype=np.float64),
            zero_shares=(values[:, chosen] == 0).mean(axis=0),
            scaling=scaling,
            notes=notes,
            name=name,
        )
        return display.plot(ax=ax, **kwargs)

    @classmethod
    def from_top_images(
        cls,
        estimator: Any,
        X: Rows,
        y: ArrayLike | None = None,
        *,
        layer: Layer,
        units: int | Sequence[int] | None = None,
        n_top: int = 6,
        max_units: int = 8,
        max_columns: int = 12,
        pooling: Literal["max", "mean"] = "max",
        name: str | None = None,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> ActivationDisplay:
        """Draw the rows that excite units most: images, rows of a table, or words.

        Numbers of a table are coloured by how many standard deviations they are from the mean of their column; other
        values are grey. Of texts whose tokens are the places of the layer, the word that excites the unit most is in
        brackets, among its neighbours.

        Parameters
        ----------
        estimator : fitted skorch net, torch.nn.Module, or Pipeline that ends in one
        X : DataFrame or array-like of shape (n_samples, n_features), array of shape (n_samples, ...), or texts
        y : array-like of shape (n_samples,), default=None
            What is written beside the number of a row, such as its class.
        layer : str, (str, "input") or None
            A name as ``layer_names`` lists them. None is the input of the last layer that has weights.
        units : int or list of int, default=None
            Which units. None takes the first ones.
        n_top : int, default=6
            Rows for each unit, the strongest first.
        max_units : int, default=8
            At most so many where `units` is None.
        max_columns : int, default=12
            Columns of a table that are drawn: those of which the rows are farthest from the mean.
        pooling : {"max", "mean"}, default="max"
            What is taken of a unit's places.
        name : str, default=None
            The title.
        ax : matplotlib Axes, default=None
            Where to draw. A new figure when not given.
        **kwargs : dict
            Of a table, passed on to matplotlib's ``pcolormesh``.

        Returns
        -------
        display : ActivationDisplay

        Raises
        ------
        ValueError
            When there is no such layer or unit, or X is empty or has missing values.
        """
        caller = f"{cls.__name__}.from_top_images"
        require_matplotlib(caller)
        check_choice(pooling, POOLING[:2][::-1], "pooling", caller)
        check_whole(n_top, "n_top", caller)
        looking = reading.look_at(estimator, X, layer)
        chosen = looking.first(units, max_units)
        labels = looking.targets(y)
        found = top_rows(estimator, X, layer=layer, n_top=n_top, pooling=pooling)
        rows = found.rows[chosen]
        shown = shown_rows(looking, rows, chosen, check_whole(max_columns, "max_columns", caller))
        display = cls(
            "top",
            found.activations[chosen],
            units=chosen,
            layer=looking.layer_text,
            rows=rows,
            labels=None if labels is None else labels[rows],
            notes=[*(looking.left_out(chosen, "") if units is None else []), *shown.pop("notes")],
            name=name,
            **shown,
        )
        return display.plot(ax=ax, **kwargs)

    @classmethod
    def from_maximised(
        cls,
        estimator: Any,
        X: Rows,
        *,
        layer: Layer,
        units: int | Sequence[int] | None = None,
        max_units: int = 8,
        max_columns: int = 12,
        name: str | None = None,
        ax: Axes | None = None,
        **settings: Any,
    ) -> ActivationDisplay:
        """Draw the inputs that excite units most of all, each beside the row of X that does.

        Behind a Pipeline they are inputs of the network, after the preprocessing.

        Parameters
        ----------
        estimator : fitted skorch net, torch.nn.Module, or Pipeline that ends in one
        X : DataFrame or array-like of shape (n_samples, n_features), or array of shape (n_samples, ...)
            Gives the range within which inputs are sought, and the rows that they are compared with.
        layer : str, (str, "input") or None
            A name as ``layer_names`` lists them. None is the input of the last layer that has weights.
        units : int or list of int, default=None
            Which units. None takes the first ones.
        max_units : int, default=8
            At most so many where `units` is None.
        max_columns : int, default=12
            Inputs of a table that are drawn: those farthest from the mean.
        name : str, default=None
            The title.
        ax : matplotlib Axes, default=None
            Where to draw. A new figure when not given.
        **settings : dict
            Passed on to ``maximise_activation``: ``n_steps``, ``jitter``, ``tv_weight``, ``random_state``, ...

        Returns
        -------
        display : ActivationDisplay

        Raises
        ------
        ValueError
            When there is no such layer or unit, X is empty or has missing values, or the network looks whole numbers
            up.
        """
        caller = f"{cls.__name__}.from_maximised"
        require_matplotlib(caller)
        looking = reading.look_at(estimator, X, layer)
        chosen = looking.first(units, max_units)
        n_most = check_whole(max_columns, "max_columns", caller)
        found = maximise_activation(estimator, X, layer=layer, units=chosen.tolist(), **settings)
        shown = shown_inputs(looking, found.inputs, found.data_rows, n_most)
        display = cls(
            "maximised",
            np.stack([found.activations, found.data_activations], axis=1),
            units=chosen,
            layer=looking.layer_text,
            rows=found.data_rows,
            notes=[*(looking.left_out(chosen, "") if units is None else []), *shown.pop("notes")],
            name=name,
            **shown,
        )
        return display.plot(ax=ax)
