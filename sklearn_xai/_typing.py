"""Names of types that many signatures share: what users may give, written once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

import numpy as np
from numpy.typing import ArrayLike

if TYPE_CHECKING:
    import pandas as pd
    import shap
    from sklearn.model_selection import BaseCrossValidator

# Rows as a user has them: a table, an array of images or token ids, texts, or an array for each argument of `forward`.
Rows: TypeAlias = "pd.DataFrame | ArrayLike | Mapping[str, ArrayLike]"
# Rows as they are inside, after they were checked.
Table: TypeAlias = "pd.DataFrame | np.ndarray"
# What `transform` gives: an array, or what `set_output` asked for, or a dask collection of a dask collection.
Transformed: TypeAlias = Any
# Attributions that are known already.
Explained: TypeAlias = "ArrayLike | shap.Explanation"
# A number, or one for each row if `sample_wise`.
Scores: TypeAlias = float | np.ndarray

Seed: TypeAlias = int | np.random.RandomState | None
Splits: TypeAlias = "int | BaseCrossValidator | Iterable[tuple[ArrayLike, ArrayLike]] | None"

# The explained output: "auto", "all", a label of `classes_`, or an index.
Target: TypeAlias = str | int | float | np.generic
Output: TypeAlias = Literal["auto", "raw", "proba", "entropy", "aleatoric", "epistemic"]
Groups: TypeAlias = Mapping[str, Sequence[str | int]] | Literal["correlated"] | int | ArrayLike | None
Layer: TypeAlias = str | tuple[str, Literal["input"]] | None
Channels: TypeAlias = Literal["keep", "sum"]
Sampling: TypeAlias = Literal["random", "kmeans", "stratified"]
Removal: TypeAlias = Literal["marginal", "baseline", "conditional"]
Baseline: TypeAlias = Literal["zero", "mean", "median", "min", "max", "sample"] | ArrayLike

# Of metrics: which layers are randomised together, how two explanations are compared, how far a row may be moved.
RandomisationOrder: TypeAlias = Literal["cascading", "bottom_up", "independent"]
Similarity: TypeAlias = Literal["spearman", "cosine"] | Callable[[np.ndarray, np.ndarray], np.ndarray]
Scale: TypeAlias = Literal["std", "none"]

# What a decorator takes and gives back, the same to callers.
Decorated = TypeVar("Decorated", bound=Callable[..., Any])
