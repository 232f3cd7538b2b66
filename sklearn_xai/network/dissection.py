"""Network dissection: which concepts the units of a network detect."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from scipy.stats import hypergeom
from sklearn.utils.validation import check_is_fitted

from sklearn_xai._compat import Interval, StrOptions, fit_context
from sklearn_xai._typing import Layer, Rows, Seed, Transformed
from sklearn_xai.network._concepts import ConceptReader, TakesConcepts
from sklearn_xai.network._dissection_counts import ConceptBatch, ConceptCounts
from sklearn_xai.network._dissection_report import best_concepts, named, summary_table, unit_table
from sklearn_xai.network._inside import InsideEstimator
from sklearn_xai.network._unit_ablation import AblatesUnits
from sklearn_xai.network._unit_thresholds import UnitThresholds
from sklearn_xai.network.activations import pool

if TYPE_CHECKING:
    import pandas as pd

_FALSE_DETECTORS = 0.05  # that many are expected among units of tables that know nothing of the concepts


class NetworkDissection(TakesConcepts, AblatesUnits, InsideEstimator):
    r"""Which concepts that people named do the units of a network detect?

    Each unit k has a threshold :math:`T_k`, the `quantile` of its activations over all rows and places. Its region
    :math:`M_k(x)` is where its activation, interpolated linearly to the size of the masks (bilinearly for images,
    ``align_corners=False``), exceeds it. With the masks :math:`L_c(x)` of concept c,

    .. math:: \mathrm{IoU}_{k,c} = \frac{\sum_x |M_k(x) \cap L_c(x)|}{\sum_x |M_k(x) \cup L_c(x)|},

    over the whole set. A unit is a detector of the concept with the largest one if that exceeds `iou_threshold`.
    ``fit`` reads the activations twice, for the thresholds and for the regions, and keeps none: the memory it
    takes does not grow with the number of rows.

    A unit whose largest value is at more places than the quantile leaves (a saturated one) has all of these as its
    region. A constant or dead unit has none, and is no detector. Units without places, of a linear layer, are compared
    row by row; there, rows being independent, a detector must agree with its concept more than chance would have it
    (hypergeometric test, at 0.05 for all units and concepts together).

    Parameters
    ----------
    %(estimator)s
    %(layer)s
    quantile : float in (0, 1), default=0.995
        The share of all activations of a unit that its threshold is above. That of the published method suits small
        regions in images. The region should be about as large as the concepts: for tables, whose concepts hold for
        many rows, 0.8 or 0.9.
    iou_threshold : float in [0, 1], default=0.04
        What the IoU of a detector exceeds.
    pooling : {"max", "mean"}, default="max"
        What ``transform`` makes of the places of a unit.
    %(shared)s

    Attributes
    ----------
    estimator_ : estimator
        The fitted estimator.
    layers_ : list of str or (str, "input")
        The layers that are read.
    concepts_ : ndarray of shape (n_concepts,) of str
        Names of the concepts.
    concept_categories_ : ndarray of shape (n_concepts,) of str
        What kind of concept each is.
    unit_names_ : ndarray of shape (n_units,) of str
        layer_unit, of the units of all layers.
    thresholds_ : ndarray of shape (n_units,)
        Threshold of each unit, in the units of its activation.
    iou_ : ndarray of shape (n_units, n_concepts)
        Intersection over union of units and concepts, from 0 to 1.
    chance_iou_ : ndarray of shape (n_units, n_concepts)
        What regions of the same sizes would have if they lay at random.
    active_ : ndarray of shape (n_units,)
        Share of all places that is in the region of a unit.
    unit_concept_ : ndarray of shape (n_units,) of str or None
        The concept of the largest IoU; None where no concept has anything in common with the unit.
    detectors_ : ndarray of shape (n_detectors,) of int
        Which units are detectors.
    report_ : DataFrame
        A row for each unit: its layer, threshold, share of places, best concept with its category, its IoU and that of
        chance, whether it is a detector, and, of several categories, the best concept of each with its IoU.
    summary_ : DataFrame
        For each layer and category the number of detectors, and of concepts among them (``n_unique``): how
        interpretable a layer is.
    n_features_in_ : int
        Number of columns seen in ``fit``.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns, where X has names.

    Raises
    ------
    ValueError
        When there is no such layer, activations are not finite, or concepts are of another number of rows, of other
        axes than the places of the layer, or neither true nor false.

    Warns
    -----
    UserWarning
        When a concept is nowhere in the set.

    See Also
    --------
    LayerActivations : The activations themselves.

    Notes
    -----
    For each unit up to 0.5 MB is taken while thresholds are sought, whatever the number of rows.

    Misleads when a unit's best concept is taken for what it is for: it is the best of those that have masks, others
    may fit better, and a unit may detect several, or matter to no output. Concepts that cover much of the images have
    a large IoU by size alone; the threshold is a convention.

    Cost: two forward passes a row, down to the layers asked for. Beside them, one comparison of every unit's region
    with every concept's mask.

    References
    ----------
    D. Bau, B. Zhou, A. Khosla, A. Oliva, A. Torralba (2017). Network dissection: quantifying interpretability of deep
    visual representations.

    D. Bau, J.-Y. Zhu, H. Strobelt, A. Lapedriza, B. Zhou, A. Torralba (2020). Understanding the role of individual
    units in a deep neural network.

    Examples
    --------
    Units that see red, green and blue, and pictures of which some parts are painted:

    >>> import numpy as np
    >>> from torch import nn
    >>> from sklearn_xai import NetworkDissection
    >>> rng = np.random.default_rng(0)
    >>> X = rng.uniform(0, 0.5, size=(50, 3, 8, 8)).astype("float32")
    >>> painted = rng.uniform(size=(50, 3, 8, 8)) < 0.05
    >>> X[painted] += 1
    >>> module = nn.Sequential(nn.Conv2d(3, 3, 1), nn.ReLU(), nn.Flatten(), nn.Linear(192, 2))
    >>> _ = nn.init.eye_(module[0].weight[:, :, 0, 0].data), nn.init.zeros_(module[0].bias.data)
    >>> dissection = NetworkDissection(module, layer="1", quantile=0.95)
    >>> dissection = dissection.fit(X, painted, concept_names=["red", "green", "blue"])
    >>> dissection.report_[["concept", "detector"]]
        concept  detector
    name
    1_0      red      True
    1_1    green      True
    1_2     blue      True
    >>> dissection.transform(X).shape
    (50, 3)
    """

    _parameter_constraints: dict = {
        **InsideEstimator._parameter_constraints,
        "quantile": [Interval(Real, 0, 1, closed="neither")],
        "iou_threshold": [Interval(Real, 0, 1, closed="both")],
        "pooling": [StrOptions({"max", "mean"})],
    }

    def __init__(
        self,
        estimator: Any,
        *,
        layer: Layer | Sequence[Layer] = None,
        quantile: float = 0.995,
        iou_threshold: float = 0.04,
        pooling: Literal["max", "mean"] = "max",
        batch_size: int | None = None,
        random_state: Seed = None,
        verbose: int | bool = 0,
    ) -> None:
        super().__init__(estimator, layer=layer, batch_size=batch_size, random_state=random_state, verbose=verbose)
        self.quantile = quantile
        self.iou_threshold = iou_threshold
        self.pooling = pooling

    @fit_context(prefer_skip_nested_validation=False)
    def fit(
        self,
        X: Rows,
        *args: ArrayLike,
        concepts: Any = None,
        y: ArrayLike | None = None,
        concept_names: ArrayLike | None = None,
        concept_categories: ArrayLike | Mapping[str, str] | None = None,
        **fit_params: Any,
    ) -> Self:
        """Compare the units with concepts: ``fit(X, concepts, y=None)``; if y is given, train a clone first.

        Where concepts are given by name, as a Pipeline does, what follows X is y: ``fit(X, y, concepts=masks)``,
        ``pipeline.fit(X, y, networkdissection__concepts=masks)``.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features), or array of shape (n_samples, ...)
        *args : array-like
            The concepts, and y after them, where they are given by place.
        concepts : array, DataFrame, dict, callable or list of str
            - Masks, an array of bools (or 0 and 1) of shape (n_samples, n_concepts, height, width), or (n_samples,
              n_concepts, n_tokens) for sequences. Units without places are compared with whether a concept is anywhere.
            - Labels, of shape (n_samples, n_concepts): true of a whole row, all over an image. A DataFrame of bools
              names them; one with two levels of columns tells (category, concept).
            - A dict (or Bunch, as of ``make_concept_images``) with "masks" or "labels" and, if they are known,
              "concepts", their names, and "categories".
            - A function that takes some rows of X and returns their masks or labels. It is called batch by batch.
            - Names of columns of a DataFrame X: each value of a categorical column, or the truth of a column of bools,
              is a concept, and the column is its category.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            With y, a clone of ``estimator`` is trained (a FrozenEstimator or a torch module never is).
        concept_names : array-like of shape (n_concepts,) of str, default=None
            Names, instead of those that come with the concepts.
        concept_categories : array-like of shape (n_concepts,) or dict, default=None
            Categories of the concepts; {concept: category}, or {category: [concepts]}.
        **fit_params : dict
            Passed to the ``fit`` of the estimator, or routed to it when metadata routing is enabled.

        Returns
        -------
        self : object
        """
        concepts, y = self._concepts_and_y(args, concepts, y)
        reader = ConceptReader(concepts, X, concept_names, concept_categories, caller=type(self).__name__)
        X, y, _ = self._fit_layers(X, y, fit_params)
        reader.look(X)
        self.concepts_, self.concept_categories_ = reader.names, reader.categories
        self._note_units()
        thresholds = self._find_thresholds(X)
        counts = self._count(X, reader, thresholds)
        self.thresholds_ = np.concatenate(thresholds)
        self.iou_ = np.concatenate([part.iou for part in counts])
        self.chance_iou_ = np.concatenate([part.chance for part in counts])
        self.active_ = np.concatenate([part.active / part.n_counted for part in counts])
        best, iou = best_concepts(self.iou_, slice(None))
        self.unit_concept_ = named(best, iou, self.concepts_)
        self.detectors_ = np.flatnonzero((iou > self.iou_threshold) & self._beats_chance(counts, best))
        return self

    def _note_units(self):
        """Learn the places, numbers and names of the units of each layer."""
        shapes, axes = self._layer_reader.shapes, self._layer_reader.unit_axes
        self._places = [tuple(int(n) for n in np.delete(shape, axis)) for shape, axis in zip(shapes, axes, strict=True)]
        numbers = [shape[axis] for shape, axis in zip(shapes, axes, strict=True)]
        self._layer_of = np.repeat(np.arange(len(numbers)), numbers)
        layers = [layer if isinstance(layer, str) else "_".join(layer) for layer in self.layers_]
        names = [f"{layer}_{k}" for layer, n in zip(layers, numbers, strict=True) for k in range(n)]
        self.unit_names_ = np.array(names, dtype=object)

    # ------------------------------------------------------------------ the two passes
    def _maps(self, values, i):
        """Return the activations at layer i as (n_rows, n_units, ...), of float32 or float64."""
        values = values if values.dtype in (torch.float32, torch.float64) else values.float()
        return values.movedim(1 + self._layer_reader.unit_axes[i], 1).contiguous()

    def _find_thresholds(self, X):
        """Return the thresholds of the units of each layer."""
        found: list = []
        for _, values in self._activations(X, label=f"{type(self).__name__}: thresholds"):
            for i, value in enumerate(values):
                maps = self._maps(value, i)
                if len(found) == i:
                    found.append(UnitThresholds(maps, len(X), self.quantile, type(self).__name__))
                found[i].update(maps, self.layers_[i])
        return [part.thresholds for part in found]

    def _count(self, X, reader, thresholds):
        """Return the counts of regions of each layer."""
        n = len(self.concepts_)
        sizes = [self._size(i, X, reader) for i in range(len(self.layers_))]
        found = [ConceptCounts(*parts, n) for parts in zip(thresholds, self._places, sizes, strict=True)]
        for rows, values in self._activations(X, label=f"{type(self).__name__}: concepts"):
            batch = ConceptBatch(reader.batch(rows, X))
            for i, value in enumerate(values):
                found[i].add(self._maps(value, i).cpu().numpy(), batch)
        absent = [name for j, name in enumerate(self.concepts_) if not found[0].present[j]]
        if absent:
            warnings.warn(
                f"{type(self).__name__}: the concepts {absent} are nowhere in the rows given to fit, so that no unit "
                "can be found to detect them.",
                UserWarning,
                stacklevel=4,
            )
        return found

    def _size(self, i, X, reader):
        """Return the shape of the places in which the regions of layer i are compared with masks."""
        places = self._places[i]
        if not places or not reader.shape:
            # labels are true all over an image
            return X.shape[2:] if len(places) == 2 and X.ndim == 4 else places
        if len(reader.shape) != len(places) or len(places) > 2:
            wanted = {1: "n_tokens", 2: "height, width"}.get(len(places))
            form = f"masks (n_samples, n_concepts, {wanted})" if wanted else "labels (n_samples, n_concepts)"
            raise ValueError(
                f"The 'concepts' parameter of {type(self).__name__}.fit has masks of shape {reader.shape} for each row "
                f"and concept, but a unit of layer {self.layers_[i]!r} has activations of shape {places}. Give {form}."
            )
        return reader.shape

    def _beats_chance(self, counts, best):
        """Whether units without places agree with their best concept more than chance has it; True of others."""
        results = []
        for i, part in enumerate(counts):
            concept = best[self._layer_of == i]
            if part.places:
                results.append(np.ones(len(concept), dtype=bool))
                continue
            both = np.take_along_axis(part.intersections, concept[:, np.newaxis], axis=1)[:, 0]
            p = hypergeom.sf(both - 1, part.n_counted, part.present[concept], part.active)
            results.append(p < _FALSE_DETECTORS / self.iou_.size)
        return np.concatenate(results)

    # ------------------------------------------------------------------ what was found
    def __sklearn_is_fitted__(self):
        return hasattr(self, "detectors_")

    @property
    def report_(self) -> pd.DataFrame:
        """What each unit responds to, a DataFrame with a row for each."""
        check_is_fitted(self)
        return unit_table(self)

    @property
    def summary_(self) -> pd.DataFrame:
        """How many detectors there are of each category in each layer, a DataFrame."""
        check_is_fitted(self)
        return summary_table(self)

    def transform(self, X: Rows) -> Transformed:
        """Return the activations of the concept detectors.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features), or array of shape (n_samples, ...)

        Returns
        -------
        activations : ndarray of shape (n_samples, n_detectors)
            In the network's type; ``get_feature_names_out`` names the concepts.

        Raises
        ------
        ValueError
            When no unit is a detector.
        """
        check_is_fitted(self)
        if not len(self.detectors_):
            raise ValueError(
                f"{type(self).__name__} found no detector: the largest IoU of a unit and a concept is "
                f"{self.iou_.max():.3g}, and iou_threshold is {self.iou_threshold:g}. Lower it, give another layer, or "
                "another quantile; LayerActivations gives the activations of all units."
            )
        X = self._checked(X)
        result = np.empty((len(X), self._n_features_out), dtype=self._model.dtype)
        axes = self._layer_reader.unit_axes
        for rows, values in self._activations(X):
            parts = [pool(value, axis, self.pooling) for value, axis in zip(values, axes, strict=True)]
            found = torch.cat([part.to(parts[0].dtype) for part in parts], dim=1)
            result[rows] = found[:, torch.as_tensor(self.detectors_, device=found.device)].cpu().numpy()
        return result

    @property
    def _n_features_out(self):
        return len(self.detectors_)

    def _names_out(self):
        """Return "layer_unit: concept"."""
        names = [f"{self.unit_names_[k]}: {self.unit_concept_[k]}" for k in self.detectors_]
        return np.asarray(names, dtype=object)
