"""What the units of a network detect: the regions they pick out, how many of what, and two networks side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_xai._checks import check_whole
from sklearn_xai._typing import Rows
from sklearn_xai.display._common import INK, axes_for, inches_of, require_matplotlib
from sklearn_xai.display._dissection_comparison import ComparisonView
from sklearn_xai.display._dissection_heatmap import order_of_concepts, order_of_units
from sklearn_xai.display._dissection_regions import find_top_images
from sklearn_xai.display._dissection_tables import (
    check_dissection,
    check_dissections,
    chosen_units,
    comparison_table,
    detectors_first,
    largest_iou,
    layers_text,
    nothing_found,
)
from sklearn_xai.display._dissection_views import DetectorsView, IoUView, Nothing, TopImagesView, View
from sklearn_xai.display._series import letters_in

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame

    from sklearn_xai.network.dissection import NetworkDissection

TITLE_SIZE = 10.0


class DissectionDisplay:
    """Show which concepts the units of a network detect, and where in images they do.

    Made by ``from_top_images``, ``from_detectors``, ``from_iou`` and ``from_comparison``, which compute.

    Parameters
    ----------
    view : object
        What one of these made.

    Attributes
    ----------
    table_ : DataFrame
        The numbers of the picture.
    regions_ : ndarray of shape (n_units, n_top, height, width) of bool
        Of ``from_top_images``: where each unit is above its threshold.
    ax_ : matplotlib Axes
        The axes of the last picture.
    axes_ : dict
        The axes on it, by what they show: (unit, rank) of images; "layers", ("concepts", layer), ("iou", layer) and
        "key" of detectors; "categories", "concepts" and "key" of a comparison; "iou".
    figure_ : matplotlib Figure
        The figure of the last picture.

    See Also
    --------
    sklearn_xai.NetworkDissection : Finds what is drawn here.

    References
    ----------
    D. Bau, B. Zhou, A. Khosla, A. Oliva, A. Torralba (2017). Network dissection: quantifying interpretability of deep
    visual representations.

    Examples
    --------
    >>> import numpy as np
    >>> from matplotlib.figure import Figure
    >>> from torch import nn
    >>> from sklearn_xai import NetworkDissection
    >>> from sklearn_xai.display import DissectionDisplay
    >>> X = np.random.default_rng(0).uniform(0, 0.5, size=(20, 3, 8, 8)).astype("float32")
    >>> X[:, 0, 2:5, 2:5] = 1
    >>> module = nn.Sequential(nn.Conv2d(3, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(128, 2))
    >>> _ = nn.init.eye_(module[0].weight[:, :, 0, 0].data), nn.init.zeros_(module[0].bias.data)
    >>> red = X[:, :1] > 0.9
    >>> dissection = NetworkDissection(module, layer="1", quantile=0.9, iou_threshold=0.5)
    >>> dissection = dissection.fit(X, red, concept_names=["red"])
    >>> display = DissectionDisplay.from_detectors(dissection, ax=Figure().subplots())
    >>> display.table_
      layer category concept  n_detectors
    0     1  concept     red            1
    """

    figure_: Figure
    ax_: Axes
    axes_: dict[Any, Axes]

    def __init__(self, view: View) -> None:
        if not hasattr(view, "draw") or not hasattr(view, "table"):
            raise TypeError(
                "The 'view' parameter of DissectionDisplay must be what a from_ method made. Got "
                f"{type(view).__name__}: DissectionDisplay.from_detectors(dissection) draws a fitted NetworkDissection."
            )
        self.view = view
        self.table_: DataFrame = view.table
        if isinstance(view, TopImagesView):
            self.regions_ = view.found.regions

    @classmethod
    def from_top_images(
        cls,
        dissection: NetworkDissection,
        X: Rows,
        *,
        units: int | str | Sequence[int | str] | None = None,
        n_top: int = 5,
        max_units: int = 8,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> DissectionDisplay:
        """Draw the images that excite detectors most, dark where the unit is not above its threshold.

        Activations are brought to the size of the image as ``NetworkDissection`` brings them to that of the masks. A
        unit without places, of a linear layer, is above its threshold all over an image or nowhere. An image without an
        outline is nowhere above it.

        Parameters
        ----------
        dissection : fitted NetworkDissection
        X : array-like of shape (n_samples, n_channels, height, width)
            Images, as they were given to ``fit``.
        units : int, str or list of these, default=None
            Places of units, their names, or concepts, which stand for all of their detectors. The detectors when not
            given, that of the largest IoU first.
        n_top : int, default=5
            Images for each unit.
        max_units : int, default=8
            Of more detectors the first are drawn. Units that are named are all drawn.
        ax : matplotlib Axes, default=None
            Where to draw. A new figure when not given.
        **kwargs : dict
            Passed on to matplotlib's ``LineCollection``, which draws the outlines.

        Returns
        -------
        display : DissectionDisplay
            ``table_`` has a row for each image: unit, concept, row of X, activation, threshold, and share of the image
            that is above it.

        Raises
        ------
        ValueError
            When X are no images, the units' places are those of no image, or there is no such unit.
        """
        import pandas as pd

        caller = f"{cls.__name__}.from_top_images"
        require_matplotlib(caller)
        check_dissection(dissection, caller)
        n_top, max_units = check_whole(n_top, "n_top", caller), check_whole(max_units, "max_units", caller)
        detectors = detectors_first(dissection)
        chosen = detectors[:max_units] if units is None else chosen_units(dissection, units, caller)
        if not len(chosen):
            table = pd.DataFrame(columns=["unit", "concept", "row", "activation", "threshold", "share"])
            nothing = Nothing(table, nothing_found(dissection), f"Dissection of {layers_text(dissection)}")
            return cls(nothing).plot(ax=ax)
        found = find_top_images(dissection, X, chosen, n_top, caller)
        n = found.rows.shape[1]
        table = pd.DataFrame(
            {
                "unit": np.repeat(dissection.unit_names_[chosen], n),
                "concept": np.repeat(dissection.unit_concept_[chosen], n),
                "row": found.rows.ravel(),
                "activation": found.activations.ravel(),
                "threshold": np.repeat(dissection.thresholds_[chosen], n),
                "share": found.regions.mean(axis=(2, 3)).ravel(),
            }
        )
        left_out = len(detectors) - len(chosen) if units is None else 0
        return cls(TopImagesView(dissection, found, table, left_out)).plot(ax=ax, **kwargs)

    @classmethod
    def from_detectors(
        cls, dissection: NetworkDissection, *, max_concepts: int = 30, ax: Axes | None = None, **kwargs: Any
    ) -> DissectionDisplay:
        """Draw how many detectors each layer has of each category and concept, and how the IoU are distributed.

        Parameters
        ----------
        dissection : fitted NetworkDissection
            Of images, sequences or tables.
        max_concepts : int, default=30
            Of more concepts those with the most detectors are named.
        ax : matplotlib Axes, default=None
            Where to draw; all panels share its space. A new figure when not given.
        **kwargs : dict
            Passed on to matplotlib's ``barh``.

        Returns
        -------
        display : DissectionDisplay
            ``table_`` has a row for each layer and concept.
        """
        caller = f"{cls.__name__}.from_detectors"
        require_matplotlib(caller)
        check_dissection(dissection, caller)
        max_concepts = check_whole(max_concepts, "max_concepts", caller)
        return cls(DetectorsView(dissection, max_concepts)).plot(ax=ax, **kwargs)

    @classmethod
    def from_comparison(
        cls,
        dissections: Mapping[str, NetworkDissection],
        *,
        max_concepts: int = 30,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> DissectionDisplay:
        """Draw what networks detect side by side, such as the same network trained for two tasks.

        Detectors of several layers are added up.

        Parameters
        ----------
        dissections : dict of str to fitted NetworkDissection
            Two or more, of the same concepts.
        max_concepts : int, default=30
            Of more concepts those with the most detectors are named.
        ax : matplotlib Axes, default=None
            Where to draw; all panels share its space. A new figure when not given.
        **kwargs : dict
            Passed on to matplotlib's ``barh``.

        Returns
        -------
        display : DissectionDisplay
            ``table_`` has a row for each (category, concept), a column for each dissection, and ``only``: which of them
            alone has detectors of it.

        Raises
        ------
        ValueError
            When there is but one, or they were compared with different concepts.
        """
        caller = f"{cls.__name__}.from_comparison"
        require_matplotlib(caller)
        named = check_dissections(dissections, caller)
        max_concepts = check_whole(max_concepts, "max_concepts", caller)
        if not any(len(one.detectors_) for one in named.values()):
            lines = [f"{name}: {line}" for name, one in named.items() for line in [" ".join(nothing_found(one))]]
            place = f"Dissection of {layers_text(next(iter(named.values())))}"
            return cls(Nothing(comparison_table(named), lines, place)).plot(ax=ax)
        return cls(ComparisonView(named, max_concepts)).plot(ax=ax, **kwargs)

    @classmethod
    def from_iou(
        cls,
        dissection: NetworkDissection,
        *,
        units: int | str | Sequence[int | str] | None = None,
        max_units: int = 40,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> DissectionDisplay:
        """Draw the IoU of units and concepts as colours, concepts of a category side by side.

        Detectors come first, ordered by their concept.

        Parameters
        ----------
        dissection : fitted NetworkDissection
            Of images, sequences or tables.
        units : int, str or list of these, default=None
            As in :meth:`from_top_images`; all units when not given.
        max_units : int, default=40
            Of more units those of the largest IoU are drawn. Units that are named are all drawn.
        ax : matplotlib Axes, default=None
            Where to draw. A new figure when not given.
        **kwargs : dict
            Passed on to matplotlib's ``pcolormesh``.

        Returns
        -------
        display : DissectionDisplay
            ``table_`` is the IoU, units by (category, concept), as they are drawn.
        """
        import pandas as pd

        caller = f"{cls.__name__}.from_iou"
        require_matplotlib(caller)
        check_dissection(dissection, caller)
        if units is None:
            most = check_whole(max_units, "max_units", caller)
            chosen = np.argsort(-largest_iou(dissection), kind="stable")[:most]
        else:
            chosen = chosen_units(dissection, units, caller)
        concepts = order_of_concepts(dissection)
        chosen = order_of_units(dissection, chosen, concepts)
        pairs = [dissection.concept_categories_[concepts], dissection.concepts_[concepts]]
        columns = pd.MultiIndex.from_arrays(pairs, names=["category", "concept"])
        index = pd.Index(dissection.unit_names_[chosen], name="unit")
        table = pd.DataFrame(dissection.iou_[np.ix_(chosen, concepts)], index=index, columns=columns)
        return cls(IoUView(dissection, chosen, concepts, table)).plot(ax=ax, **kwargs)

    def plot(self, ax: Axes | None = None, **kwargs: Any) -> DissectionDisplay:
        """Draw the picture.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw. A new figure when not given.
        **kwargs : dict
            Passed on to the matplotlib function that draws it, as the ``from_`` methods say.

        Returns
        -------
        self : DissectionDisplay
        """
        self.figure_, self.ax_ = axes_for(ax, "DissectionDisplay.plot", self.view.size())
        letters = max(24, letters_in(inches_of(self.ax_)[0], TITLE_SIZE))
        lines = [fill(line, letters) for line in self.view.heading()]
        pad = 21 if isinstance(self.view, IoUView) else 8
        self.ax_.set_title("\n".join(lines), loc="left", fontsize=TITLE_SIZE, color=INK, pad=pad)
        self.axes_ = self.view.draw(self.ax_, **kwargs)
        return self
