"""Which explainers say the same: a heat map of explainers against explainers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from sklearn_xai._checks import check_choice
from sklearn_xai._typing import Rows
from sklearn_xai.display._common import INK, axes_for, check_named, require_matplotlib, shorten
from sklearn_xai.display._heatmap import clustered_order, draw_square, square_size
from sklearn_xai.engines import agreement as engine

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MEASURES = {
    "spearman": "Spearman correlation",
    "top_k_overlap": "top-k overlap",
    "sign_agreement": "sign agreement",
    "cosine": "cosine similarity",
}


class AgreementDisplay:
    """Show which explainers give the same explanations, and which stand alone.

    Agreement is no proof of being right: explainers that share a mistake agree too.

    Parameters
    ----------
    matrix : array-like of shape (n_explainers, n_explainers)
        The agreement of each explainer with each other; 1 is full agreement. NaN is written as "n/a".
    names : sequence of str of length n_explainers
        The explainers.
    measure : str, default="spearman"
        What `matrix` holds, for the scale's label.
    name : str, default=None
        The title.

    Attributes
    ----------
    order_ : ndarray of shape (n_explainers,)
        The places in `names` from the top down in the last picture.
    ax_ : matplotlib Axes
        The axes of the last picture.
    figure_ : matplotlib Figure
        The figure of the last picture.

    Raises
    ------
    ValueError
        When `matrix` is not square or `names` does not fit it.

    References
    ----------
    S. Krishna, T. Han, A. Gu, S. Wu, S. Jabbari, H. Lakkaraju (2024). The disagreement problem in explainable machine
    learning: a practitioner's perspective.

    See Also
    --------
    StabilityDisplay : How far one explainer agrees with itself.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from sklearn_xai.display import AgreementDisplay
    >>> matrix = [[1.0, 0.1, 0.9], [0.1, 1.0, 0.2], [0.9, 0.2, 1.0]]
    >>> display = AgreementDisplay(matrix, ["IG", "random", "SHAP"]).plot(ax=Figure().subplots())
    >>> [display.names[i] for i in display.order_]
    ['IG', 'SHAP', 'random']
    """

    def __init__(
        self, matrix: ArrayLike, names: Sequence[str], *, measure: str = "spearman", name: str | None = None
    ) -> None:
        caller = type(self).__name__
        self.matrix = np.asarray(matrix, dtype=float)
        if self.matrix.ndim != 2 or self.matrix.shape[0] != self.matrix.shape[1] or not self.matrix.size:
            raise ValueError(
                f"The 'matrix' parameter of {caller} must have shape (n_explainers, n_explainers). "
                f"Got shape {self.matrix.shape}."
            )
        self.names = [str(explainer) for explainer in names]
        if len(self.names) != len(self.matrix):
            raise ValueError(
                f"The 'names' parameter of {caller} must have one name for each of the {len(self.matrix)} rows of "
                f"'matrix'. Got {len(self.names)}."
            )
        self.measure = measure
        self.name = name

    @classmethod
    def from_attributions(
        cls,
        attributions: Mapping[str, Any],
        *,
        measure: str = "spearman",
        k: int = 5,
        name: str | None = None,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> AgreementDisplay:
        """Measure the agreement of explanations of the same rows, take the mean over rows, and draw it.

        Parameters
        ----------
        attributions : dict of str to array-like of shape (n_rows, n_players)
            The explanations of the same rows by each explainer. A row counts for a pair of explainers where it is
            finite in both.
        measure : {"spearman", "top_k_overlap", "sign_agreement", "cosine"}, default="spearman"
            How agreement is measured, see ``sklearn_xai.engines.agreement``. An all-zero explanation agrees with
            nothing (0.0), itself included.
        k : int, default=5
            How many players count as top with ``measure="top_k_overlap"``.
        name : str, default=None
            The title.
        ax : matplotlib Axes, default=None
            Where to draw. A new figure when not given.
        **kwargs : dict
            Passed on to :meth:`plot`.

        Returns
        -------
        display : AgreementDisplay

        Raises
        ------
        ValueError
            When there are no attributions, their shapes differ, or `measure` is none of the above.
        """
        caller = f"{cls.__name__}.from_attributions"
        require_matplotlib(caller)
        check_choice(measure, tuple(MEASURES), "measure", caller)
        arrays = {str(key): np.asarray(value, dtype=float) for key, value in attributions.items()}
        shapes = {array.shape for array in arrays.values()}
        if len(shapes) != 1 or min(len(shape) for shape in shapes) < 2:
            raise ValueError(
                f"The 'attributions' parameter of {caller} must hold arrays of one shape (n_rows, n_players), one for "
                f"each explainer. Got shapes {sorted(shapes)}."
            )
        functions: dict[str, Callable[..., np.ndarray]] = {key: getattr(engine, key) for key in MEASURES}
        options = {"k": k} if measure == "top_k_overlap" else {}
        matrix = agreement_matrix(list(arrays.values()), lambda a, b: functions[measure](a, b, **options))
        shown = f"top_{k}_overlap" if measure == "top_k_overlap" else measure
        return cls(matrix, list(arrays), measure=shown, name=name).plot(ax, **kwargs)

    @classmethod
    def from_explainers(
        cls, explainers: Mapping[str, Any], X: Rows, *, measure: str = "spearman", ax: Axes | None = None, **kwargs: Any
    ) -> AgreementDisplay:
        """Explain the same rows with each explainer, and draw how far the explanations agree.

        Parameters
        ----------
        explainers : dict of str to fitted explainer
            Under the names they get in the picture.
        X : array-like of shape (n_samples, n_features)
            The rows to explain.
        measure : {"spearman", "top_k_overlap", "sign_agreement", "cosine"}, default="spearman"
            See :meth:`from_attributions`.
        ax : matplotlib Axes, default=None
            Where to draw. A new figure when not given.
        **kwargs : dict
            Passed on to :meth:`from_attributions`.

        Returns
        -------
        display : AgreementDisplay
        """
        caller = f"{cls.__name__}.from_explainers"
        require_matplotlib(caller)
        check_choice(measure, tuple(MEASURES), "measure", caller)
        check_named(explainers, caller)
        found = {key: np.asarray(explainer.transform(X)) for key, explainer in explainers.items()}
        return cls.from_attributions(found, measure=measure, ax=ax, **kwargs)

    def plot(
        self, ax: Axes | None = None, *, order: str | None = "cluster", annotate: bool | str = "auto", **kwargs: Any
    ) -> AgreementDisplay:
        """Draw the matrix.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw. A new figure when not given.
        order : {"cluster"} or None, default="cluster"
            "cluster" puts what agrees side by side (hierarchical clustering by average linkage of 1 - agreement); None
            keeps the order of `names`.
        annotate : bool or "auto", default="auto"
            Whether the numbers are written into the cells; "auto" where they can be read.
        **kwargs : dict
            Passed on to matplotlib's ``imshow``.

        Returns
        -------
        self : AgreementDisplay

        Raises
        ------
        ValueError
            When `order` or `annotate` is none of the above.
        """
        caller = f"{type(self).__name__}.plot"
        if order is not None:
            check_choice(order, ("cluster",), "order", caller)
        if not isinstance(annotate, bool):
            check_choice(annotate, ("auto",), "annotate", caller)
        self.order_ = clustered_order(self.matrix) if order == "cluster" else np.arange(len(self.names))
        names = [self.names[i] for i in self.order_]
        figure, ax = axes_for(ax, caller, square_size(len(names), max(len(name) for name in names)))
        if self.name is not None:
            ax.set_title(shorten(self.name, 50), loc="left", fontsize="medium", color=INK)
        label = MEASURES.get(self.measure, self.measure.replace("_", " "))
        draw_square(ax, self.matrix[np.ix_(self.order_, self.order_)], names, label, annotate, **kwargs)
        self.figure_, self.ax_ = figure, ax
        return self


def agreement_matrix(arrays: Sequence[np.ndarray], function: Callable[..., np.ndarray]) -> np.ndarray:
    """Return the mean agreement of each pair of explanations over the rows that are finite in both, else NaN."""
    finite = [np.isfinite(array).reshape(len(array), -1).all(axis=1) for array in arrays]
    matrix = np.full((len(arrays), len(arrays)), np.nan)
    for i, a in enumerate(arrays):
        for j, b in enumerate(arrays[: i + 1]):
            both = finite[i] & finite[j]
            if both.any():
                matrix[i, j] = matrix[j, i] = float(np.mean(function(a[both], b[both])))
    return matrix
