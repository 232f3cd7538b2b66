"""What concepts there are and where they are, in whatever form a user has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_xai.tables import is_frame, take_rows

if TYPE_CHECKING:
    from sklearn.utils.metadata_routing import MetadataRouter

_CHECKED_AT_ONCE = 2**24  # cells of masks that are looked at together
_FORMS = (
    "masks of shape (n_samples, n_concepts, height, width), labels of shape (n_samples, n_concepts), a DataFrame of "
    "labels, a dict with 'masks', a function of rows that returns masks, or names of columns of a DataFrame X"
)


class TakesConcepts:
    """Mixin of estimators that are fitted to rows and to the concepts that these show."""

    def _concepts_and_y(self, args, concepts, y):
        """Return what ``fit(X, concepts, y)``, ``fit(X, y, concepts=...)`` and the like mean."""
        named_ones = [value for value in (concepts, y) if value is not None]
        if len(args) + len(named_ones) > 2:
            raise TypeError(f"{type(self).__name__}.fit takes X, concepts and y. Got more.")
        if concepts is None and args:
            concepts, args = args[0], args[1:]
        if args:
            y = args[0]
        if concepts is None:
            raise ValueError(
                f"{type(self).__name__}.fit needs the concepts that units are compared with: fit(X, concepts), or in a "
                f"Pipeline fit(X, y, {type(self).__name__.lower()}__concepts=concepts)."
            )
        return concepts, y

    def get_metadata_routing(self) -> MetadataRouter:
        """Return the routing of ``fit`` parameters: concepts are taken here, all others by the estimator.

        Returns
        -------
        routing : MetadataRouter
        """
        routing = super().get_metadata_routing()  # type: ignore[misc] # of what it is mixed into
        return routing.add_self_request(self)


class ConceptReader:
    """Masks or labels of concepts, batch by batch.

    Parameters
    ----------
    concepts : array, DataFrame, dict, callable or list of str
        As ``NetworkDissection.fit`` takes them.
    X : table, array or dict of arrays
        The rows as the user gave them.
    names, categories
        As ``NetworkDissection.fit`` takes them.
    caller : str
        Name for messages.

    Attributes
    ----------
    names : ndarray of shape (n_concepts,) of str
    categories : ndarray of shape (n_concepts,) of str
    shape : tuple of int
        Shape of the places of a row, () for labels.
    """

    def __init__(self, concepts, X, names=None, categories=None, *, caller):
        self.caller = caller
        self._message = f"The 'concepts' parameter of {caller}.fit"
        if hasattr(concepts, "iloc") and hasattr(concepts, "to_frame"):  # a column is one concept
            concepts = concepts.to_frame("concept0" if concepts.name is None else concepts.name)
        if hasattr(concepts, "keys") and not is_frame(concepts):
            concepts, names, categories = self._unpacked(concepts, names, categories)
        self._masks = self._function = None
        if callable(concepts):
            self._function = concepts
        else:
            found, own_names, own_categories = self._arrays(concepts, X)
            self._masks = found
            names = own_names if names is None else names
            categories = own_categories if categories is None else categories
            self._check_length(found, X)
        self._given = names, categories

    def look(self, X):
        """Find the shape of masks and the names of concepts; a function is shown two rows."""
        first = self._read(slice(0, 2), X)
        self.shape = first.shape[2:]
        self.names = self._checked_names(self._given[0], first.shape[1])
        self.categories = self._checked_categories(self._given[1])
        pairs = list(zip(self.categories, self.names, strict=True))
        double = {name for name in pairs if pairs.count(name) > 1}
        if double:
            raise ValueError(f"{self._message}: several are called {sorted(double)[0][1]!r}. Give each its own name.")
        return self

    def batch(self, rows, X):
        """Return the masks of a slice of rows, a bool array of shape (n_rows, n_concepts, ...)."""
        masks = self._read(rows, X)
        expected = (len(range(*rows.indices(len(X)))), len(self.names), *self.shape)
        if masks.shape != expected:
            raise ValueError(f"{self._message} returned masks of shape {masks.shape}. Expected {expected}.")
        return masks

    def _read(self, rows, X):
        if self._function is None:
            return self._masks[rows].astype(bool, copy=False)
        masks = _as_array(self._function(take_rows(X, rows)), f"{self._message} is a function that")
        self._check_axes(masks)
        self._check_binary(masks)
        return masks.astype(bool, copy=False)

    # ------------------------------------------------------------------ the forms they come in
    def _unpacked(self, concepts, names, categories):
        key = next((key for key in ("masks", "labels") if key in concepts), None)
        if key is None:
            raise ValueError(
                f"{self._message} is a dict with the keys {sorted(map(str, concepts))}. It must hold 'masks' or "
                "'labels', and may hold 'concepts', their names, and 'categories'."
            )
        names = concepts.get("concepts") if names is None else names
        return concepts[key], names, concepts.get("categories") if categories is None else categories

    def _arrays(self, concepts, X):
        """Return (masks or labels, names, categories), the last two None where they are not told."""
        if is_frame(concepts):
            return self._of_frame(concepts)
        if isinstance(concepts, str):
            concepts = [concepts]
        if isinstance(concepts, (list, tuple)) and concepts and all(isinstance(one, str) for one in concepts):
            return self._of_columns(concepts, X)
        masks = _as_array(concepts, self._message)
        self._check_axes(masks)
        self._check_binary(masks)
        return masks, None, None

    def _of_frame(self, frame):
        labels = np.empty(frame.shape, dtype=bool)
        for j, name in enumerate(frame.columns):
            values = _as_bools(frame.iloc[:, j])
            if values is None:
                raise ValueError(
                    f"{self._message}: column {name!r} holds other values than True and False. Make a column of bools "
                    "of each of its values (pandas.get_dummies)."
                )
            labels[:, j] = values
        if frame.columns.nlevels > 1:
            return labels, list(frame.columns.get_level_values(-1)), list(frame.columns.get_level_values(0))
        return labels, list(frame.columns), None

    def _of_columns(self, concepts, X):
        """Return a label for each value of columns of X."""
        if not is_frame(X):
            raise ValueError(
                f"{self._message} names columns, {list(concepts)}, but X is no DataFrame. Give an array of labels."
            )
        labels, names, categories = [], [], []
        for name in concepts:
            if name not in X.columns:
                raise ValueError(f"{self._message}: {name!r} is no column of X. There are: {list(X.columns)}.")
            column = X[name]
            if (values := _as_bools(column)) is not None:
                labels, names, categories = labels + [values], names + [name], categories + [name]
                continue
            if column.dtype.kind in "iufcM":
                raise ValueError(
                    f"{self._message}: column {name!r} of X holds numbers, of which none is a concept. Make a column "
                    f"of bools of it, such as X[{name!r}] > {column.median()}, or of bins (pandas.cut)."
                )
            for value in sorted(column.dropna().unique(), key=str):
                labels.append((column == value).fillna(False).to_numpy(dtype=bool))
                names.append(f"{name}={value}")
                categories.append(name)
        if not labels:
            raise ValueError(f"{self._message}: the columns {list(concepts)} of X hold no value.")
        return np.stack(labels, axis=1), names, categories

    # ------------------------------------------------------------------ checks
    def _check_axes(self, masks):
        if masks.ndim < 2 or 0 in masks.shape[1:]:
            raise ValueError(f"{self._message} must be {_FORMS}. Got an array of shape {masks.shape}.")

    def _check_length(self, masks, X):
        if not hasattr(X, "__len__"):
            return  # which is told of soon
        n = len(next(iter(X.values()))) if hasattr(X, "values") and not is_frame(X) else len(X)
        if len(masks) != n:
            raise ValueError(
                f"{self._message} must have one row for each row of X. Got shape {masks.shape} for {n} rows."
            )

    def _check_binary(self, masks):
        if masks.dtype == bool:
            return
        step = max(1, _CHECKED_AT_ONCE // max(1, int(np.prod(masks.shape[1:]))))
        for start in range(0, len(masks), step):
            part = masks[start : start + step]
            wrong = part[(part != 0) & (part != 1)]
            if wrong.size:
                raise ValueError(
                    f"{self._message} must hold True and False, or 1 and 0: whether a concept is there. Got "
                    f"{wrong.flat[0]!r}. Compare with a threshold of your choice first, such as masks > 0.5."
                )

    def _checked_names(self, names, n):
        if names is None:
            return np.array([f"concept{j}" for j in range(n)], dtype=object)
        names = [str(name) for name in names]
        if len(names) != n:
            raise ValueError(f"{self.caller}.fit got {len(names)} names of concepts for {n} concepts: {names[:10]}.")
        return np.array(names, dtype=object)

    def _checked_categories(self, categories):
        if categories is None:
            categories = ["concept"] * len(self.names)
        if hasattr(categories, "items"):
            categories = self._by_name(dict(categories.items()))
        categories = [str(category) for category in categories]
        if len(categories) != len(self.names):
            raise ValueError(
                f"{self.caller}.fit got {len(categories)} categories of concepts for {len(self.names)} concepts: "
                f"{categories[:10]}."
            )
        return np.array(categories, dtype=object)

    def _by_name(self, categories):
        """Return the category of each concept, from {concept: category} or {category: [concepts]}."""
        if not all(isinstance(value, str) for value in categories.values()):
            categories = {str(name): category for category, names in categories.items() for name in names}
        missing = [name for name in self.names if name not in categories]
        if missing:
            raise ValueError(f"{self.caller}.fit got categories of concepts, but none for {missing[:10]}.")
        return [categories[name] for name in self.names]


def _as_array(values: Any, message: str) -> np.ndarray:
    values = values.detach().cpu().numpy() if hasattr(values, "detach") else values
    try:
        array = np.asarray(values)
    except ValueError as error:  # rows of different lengths
        raise ValueError(f"{message} must be {_FORMS}. Got {type(values).__name__}: {error}") from error
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{message} must be {_FORMS}. Got {type(values).__name__} of type {array.dtype}.")
    return array


def _as_bools(column):
    """Return a column of bools, or of 0 and 1, as an array; None of other values."""
    numeric = column.dtype.kind in "biuf" or all(isinstance(value, (bool, np.bool_)) for value in column)
    if not numeric or column.isna().any():
        return None
    values = column.to_numpy(dtype=float)
    return values == 1 if np.isin(values, (0, 1)).all() else None
