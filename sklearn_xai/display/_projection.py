"""Rows as points in a plane: what a layer, an explanation or an embedding looks like, and what is kept of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from sklearn_xai._checks import check_choice
from sklearn_xai._typing import Layer, Rows, Seed
from sklearn_xai.display._common import axes_for
from sklearn_xai.display._projection_colors import Coloring, coloring_of, column_of, draw_points
from sklearn_xai.display._projection_labels import ProjectionLabels
from sklearn_xai.display._projection_sources import (
    FEW,
    check_length,
    colors_of,
    drawn_rows,
    n_rows_of,
    places_of,
    rows_of,
    source_of,
)
from sklearn_xai.display._projection_words import farthest_apart, write_words
from sklearn_xai.network._projections import METHODS, project

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Annotation

WORDS = 20


class ProjectionDisplay(ProjectionLabels):
    """Show which rows a layer, an explanation or an embedding holds for alike, and how far the picture can be trusted.

    Made by ``from_matrix`` and ``from_estimator``, which compute; the constructor takes what there is to draw.

    Parameters
    ----------
    projection : array-like of shape (n_points, 2)
        Where the points lie.
    method : {"pca", "tsne", "umap", "opentsne"}, default="pca"
        How they came there.
    trustworthiness, continuity : float, default=None
        From 0 to 1: whether points that are near belong together, and whether rows that belong together are near.
    variance_share : float, default=None
        From 0 to 1: the share of the rows' variance that is linear in the two coordinates.
    explained_variance_ratio : array-like of shape (2,), default=None
        Its part in each axis of a PCA.
    n_neighbors : int, default=None
        The nearest rows that trustworthiness and continuity look at.
    color : array-like of shape (n_points,), default=None
        A class or a number for each point.
    color_name : str, default=None
        What it is, with its unit.
    words : sequence of length n_points, default=None
        What the points are called; some are written beside them.
    rows : array-like of int of shape (n_points,), default=None
        Which of the rows given the points are. All in their order when not given.
    n_rows : int, default=None
        How many rows there were, of which these are some.
    settings : sequence of str, default=()
        How the method was used, to be written on the picture.
    name : str, default=None
        The title: what is projected.

    Attributes
    ----------
    projection_ : ndarray of shape (n_points, 2)
    trustworthiness_, continuity_ : float or None
    variance_share_ : float or None
    explained_variance_ratio_ : ndarray of shape (2,), or None where the method is not PCA
    rows_ : ndarray of shape (n_points,)
        Which of the rows given the points are.
    ax_ : matplotlib Axes
        The axes of the last picture.
    figure_ : matplotlib Figure
        The figure of the last picture.
    word_texts_ : list of matplotlib Annotation
        The words that are written on it.

    See Also
    --------
    sklearn_xai.LayerActivations : The activations of layers as features.
    sklearn_xai.EmbeddingSimilarity : Neighbours of words in an embedding.

    References
    ----------
    Venna, Kaski (2006), Local multidimensional scaling.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_xai.display import ProjectionDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> display = ProjectionDisplay.from_matrix(X, color=y, color_name="species", ax=Figure().subplots())
    >>> display.explained_variance_ratio_.round(3).tolist(), round(display.trustworthiness_, 3)
    ([0.925, 0.053], 0.979)
    """

    figure_: Figure
    ax_: Axes
    word_texts_: list[Annotation]

    def __init__(
        self,
        projection: ArrayLike,
        *,
        method: str = "pca",
        trustworthiness: float | None = None,
        continuity: float | None = None,
        variance_share: float | None = None,
        explained_variance_ratio: ArrayLike | None = None,
        n_neighbors: int | None = None,
        color: ArrayLike | None = None,
        color_name: str | None = None,
        words: Sequence[Any] | None = None,
        rows: ArrayLike | None = None,
        n_rows: int | None = None,
        settings: Sequence[str] = (),
        name: str | None = None,
    ) -> None:
        caller = "ProjectionDisplay"
        check_choice(method, METHODS, "method", caller)
        self.projection_ = np.array(projection, dtype=float)
        if self.projection_.ndim != 2 or self.projection_.shape[1] != 2 or not len(self.projection_):
            raise ValueError(
                f"The 'projection' parameter of {caller} must have shape (n_points, 2). Got {self.projection_.shape}."
            )
        n = len(self.projection_)
        self.method = method
        self.trustworthiness_, self.continuity_ = trustworthiness, continuity
        self.variance_share_, self.n_neighbors = variance_share, n_neighbors
        ratio = explained_variance_ratio
        self.explained_variance_ratio_ = None if ratio is None else np.asarray(ratio, dtype=float)
        self.coloring = (
            color if isinstance(color, Coloring) or color is None else coloring_of(color, color_name, caller)
        )
        if self.coloring is not None:
            check_length(self.coloring.values, n, "color", caller)
        self.words = None if words is None else list(words)
        check_length(self.words, n, "words", caller)
        self.rows_ = np.arange(n) if rows is None else np.asarray(rows, dtype=int)
        check_length(self.rows_, n, "rows", caller)
        self.n_rows = n if n_rows is None else int(n_rows)
        self.settings = list(settings)
        self.name = name

    @classmethod
    def from_matrix(
        cls,
        X: Rows,
        *,
        method: str = "pca",
        color: Any = None,
        color_name: str | None = None,
        data: Any = None,
        words: Sequence[Any] | None = None,
        annotate: int | Sequence[Any] = WORDS,
        perplexity: float | None = None,
        metric: str | Callable[..., float] = "euclidean",
        n_neighbors: int | None = None,
        reduce_to: int | None = 50,
        method_params: dict[str, Any] | None = None,
        max_rows: int | None = 2_000,
        random_state: Seed = None,
        name: str | None = None,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> ProjectionDisplay:
        """Project rows of numbers and draw them.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_dimensions) or (n_rows, ...)
            Numbers in units whose distances mean something. Rows that are no vectors are flattened.
        method : {"pca", "tsne", "umap", "opentsne"}, default="pca"
            "umap" and "opentsne" need ``pip install sklearn-xai[projections]``.
        color : array-like of shape (n_rows,), or str, default=None
            A class or a number for each row, or the name of a column of `data`. Texts, categories, booleans and at
            most ten different whole numbers are classes; of more than ten classes the nine largest get a colour.
        color_name : str, default=None
            What it is, with its unit. The name of the column when not given.
        data : DataFrame of n_rows rows, default=None
            Where `color` is looked up. X itself when not given.
        words : sequence of length n_rows, default=None
            What the rows are called.
        annotate : int or sequence of words, default=20
            Which `words` are written: at most so many, of points far apart; or these.
        perplexity : float, default=None
            Of t-SNE: how many neighbours each row has, in effect, from 1 to one less than there are rows ("opentsne": a
            third of that). 30 when not given, or a third of the other rows.
        metric : str or callable, default="euclidean"
            The distance of rows, as ``sklearn.metrics.pairwise_distances`` takes it, for t-SNE, UMAP, and the
            neighbours that are compared.
        n_neighbors : int, default=None
            How many nearest rows trustworthiness and continuity look at: 5 when not given, less where rows are few.
        reduce_to : int or None, default=50
            Rows of more numbers are projected to this many principal components before t-SNE and UMAP, where `metric`
            is Euclidean. None does not.
        method_params : dict, default=None
            More parameters of the class behind `method`: ``{"n_neighbors": 30}`` for UMAP.
        max_rows : int or None, default=2000
            Of more rows as many are drawn at random, and the picture says so. None takes all.
        random_state : int, RandomState instance or None, default=None
            Seeds the draw of rows and the method.
        name : str, default=None
            The title.
        ax : matplotlib Axes, default=None
            Where to draw. A new figure when not given.
        **kwargs : dict
            Passed on to matplotlib's ``scatter``.

        Returns
        -------
        display : ProjectionDisplay

        Raises
        ------
        ValueError
            When rows are too few, miss values or are all the same; when the perplexity is impossible for their number,
            with the largest possible one; when `data` has no such column, with the names of those it has.
        ImportError
            When the library of the method is not installed.
        """
        caller = f"{cls.__name__}.from_matrix"
        check_choice(method, METHODS, "method", caller)
        X = X if hasattr(X, "shape") else np.asarray(X)
        n = n_rows_of(X)
        if isinstance(color, str):
            table = X if data is None else data
            color_name, color = color_name or color, column_of(table, color, caller)
        check_length(color, n, "color", caller)
        check_length(words, n, "words", caller)
        rows = drawn_rows(n, max_rows, random_state, places_of(words, annotate, caller), caller)
        color = None if color is None else coloring_of(rows_of(color, rows), color_name, caller)
        params = {"perplexity": perplexity, "metric": metric, "n_neighbors": n_neighbors, "reduce_to": reduce_to}
        found = project(
            rows_of(X, rows), method, **params, method_params=method_params, random_state=random_state, caller=caller
        )
        display = cls._of(found, method, rows, n, color=color, words=rows_of(words, rows), name=name)
        return display.plot(annotate=annotate, ax=ax, **kwargs)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Rows | None = None,
        y: ArrayLike | None = None,
        *,
        method: str = "pca",
        layer: Layer | Sequence[Layer] = None,
        of: str = "auto",
        pooling: Literal["mean", "max", "flatten"] = "mean",
        color: Any = "auto",
        color_name: str | None = None,
        annotate: int | Sequence[Any] = WORDS,
        perplexity: float | None = None,
        metric: str | Callable[..., float] | None = None,
        n_neighbors: int | None = None,
        reduce_to: int | None = 50,
        method_params: dict[str, Any] | None = None,
        max_rows: int | None = 2_000,
        random_state: Seed = None,
        name: str | None = None,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> ProjectionDisplay:
        """Project what a fitted estimator makes of rows: activations, attributions, or the vectors of an embedding.

        Parameters
        ----------
        estimator : fitted estimator
            A net, a torch module or a Pipeline that ends in one (the activations of `layer`); LayerActivations; an
            explainer (its attributions); an EmbeddingSimilarity (the vectors of its words); any other transformer.
        X : DataFrame or array-like of shape (n_rows, n_columns), or array of shape (n_rows, ...), default=None
            Rows as the estimator takes them. For an embedding words, or None for all it has.
        y : array-like of shape (n_rows,), default=None
            Their targets, for the colours.
        method
            See ``from_matrix``.
        layer : str, (str, "input"), list of these, or None, default=None
            Layer of a network, or its embedding. None is the input of the last layer with weights.
        of : {"auto", "activations", "attributions", "embedding"}, default="auto"
            What is projected. "auto" is what the estimator makes. "activations" of an explainer are those of its
            network; "embedding" of a network are the vectors of its Embedding layer.
        pooling : {"mean", "max", "flatten"}, default="mean"
            What becomes of the places of a unit, as in LayerActivations.
        color : {"auto", "class", "predicted", "error"}, name of a column of X, array-like (n_rows,) or None, \
default="auto"
            "class": y. "predicted": what the estimator predicts. "error": whether that is wrong, or the difference to y
            where it is a number. "auto" is "class" if y is given, else "predicted" where there is anything predicted. A
            column that has one of these names is given as an array.
        color_name, annotate, perplexity
            See ``from_matrix``.
        metric : str or callable, default=None
            As in ``from_matrix``. None is Euclidean, and that of an EmbeddingSimilarity.
        n_neighbors, reduce_to, method_params, max_rows, random_state
            See ``from_matrix``.
        name : str, default=None
            The title. What is projected when not given.
        ax : matplotlib Axes, default=None
            Where to draw. A new figure when not given.
        **kwargs : dict
            Passed on to matplotlib's ``scatter``.

        Returns
        -------
        display : ProjectionDisplay

        Raises
        ------
        NotFittedError
            When the estimator is not fitted.
        ValueError
            As of ``from_matrix``, and when `color` or `of` asks for what there is not.
        """
        caller = f"{cls.__name__}.from_estimator"
        check_choice(method, METHODS, "method", caller)
        few = None if X is None else rows_of(X, np.arange(min(n_rows_of(X), FEW)))
        source = source_of(estimator, few, layer=layer, of=of, pooling=pooling, caller=caller)
        words = None
        if source.words is not None:
            texts: Any = source.words if X is None else X
            X = words = list(texts)
        n = n_rows_of(X)
        check_length(y, n, "y", caller)
        check_length(None if isinstance(color, str) else color, n, "color", caller)
        rows = drawn_rows(n, max_rows, random_state, places_of(words, annotate, caller), caller)
        X, y = rows_of(X, rows), rows_of(y, rows)
        color = color if isinstance(color, str) else rows_of(color, rows)
        color = colors_of(source, X, y, color, color_name, caller)
        metric = source.metric if metric is None else metric
        params = {"perplexity": perplexity, "metric": metric, "n_neighbors": n_neighbors, "reduce_to": reduce_to}
        found = project(
            source.read(X), method, **params, method_params=method_params, random_state=random_state, caller=caller
        )
        name = source.what[:1].upper() + source.what[1:] if name is None else name
        display = cls._of(found, method, rows, n, color=color, words=rows_of(words, rows), name=name)
        return display.plot(annotate=annotate, ax=ax, **kwargs)

    @classmethod
    def _of(cls, found: Any, method: str, rows: np.ndarray | None, n_rows: int, **kwargs: Any) -> ProjectionDisplay:
        return cls(
            found.points,
            method=method,
            trustworthiness=found.trustworthiness,
            continuity=found.continuity,
            variance_share=found.variance_share,
            explained_variance_ratio=found.explained_variance_ratio,
            n_neighbors=found.n_neighbors,
            settings=found.settings,
            rows=rows,
            n_rows=n_rows,
            **kwargs,
        )

    def plot(
        self, *, annotate: int | Sequence[Any] = WORDS, ax: Axes | None = None, **kwargs: Any
    ) -> ProjectionDisplay:
        """Draw the points.

        An inch is as long on both axes, so that what is near on the picture is near in the projection. Above the points
        stand the trustworthiness, the continuity and the share of the variance that is linear in the two coordinates:
        the sum of those of the axes for PCA, which no other picture exceeds.

        Parameters
        ----------
        annotate : int or sequence of words, default=20
            Which words are written: at most so many, of points far apart, as there is room for; or these.
        ax : matplotlib Axes, default=None
            Where to draw. A new figure when not given.
        **kwargs : dict
            Passed on to matplotlib's ``scatter``.

        Returns
        -------
        self : ProjectionDisplay

        Raises
        ------
        ValueError
            When `annotate` names a word that there is not.
        """
        caller = "ProjectionDisplay.plot"
        places = places_of(self.words, annotate, caller)
        own_figure = ax is None
        figure, ax = axes_for(ax, caller, (7.2, self._inches_high()))
        self._label(ax)
        style = {"alpha": 0.5, **kwargs} if self.words is not None else kwargs
        draw_points(ax, self.projection_, self.coloring, **style)
        self._head(ax, own_figure=own_figure)
        self.word_texts_ = []
        if self.words is not None:
            chosen = farthest_apart(self.projection_, int(annotate)) if places is None else places  # type: ignore[arg-type]
            self.word_texts_ = write_words(ax, self.projection_, self.words, chosen, all_of_them=places is not None)
        self.figure_, self.ax_ = figure, ax
        return self

    def _inches_high(self) -> float:
        """Return the height of a figure in which the points fill axes where an inch is as long on both."""
        wide, high = np.ptp(self.projection_, axis=0)
        return 1.4 + float(np.clip(5.6 * high / max(wide, 1e-300), 2.6, 4.8))
