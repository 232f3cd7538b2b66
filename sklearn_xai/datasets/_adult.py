"""The census income table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sklearn.utils import Bunch

from sklearn_xai.datasets._shipped import check_switches, described, shipped

if TYPE_CHECKING:
    import pandas as pd

TARGET = "income"
SPLITS = ("train", "test", "all")
NUMERIC = ("age", "fnlwgt", "education_num", "capital_gain", "capital_loss", "hours_per_week")
PROTECTED = ("race", "sex")


def load_adult(*, return_X_y: bool = False, as_frame: bool = True, split: str = "train") -> Any:
    """Load the census income table: who earns more than 50,000 dollars a year?

    The table has 14 mixed columns, with missing values in three of them, and the two labels ``"<=50K"`` and
    ``">50K"``; about a quarter of the people earn more. It comes with the package.

    Parameters
    ----------
    return_X_y : bool, default=False
        Return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=True
        Return a DataFrame of `data` and a Series of `target`; otherwise ndarrays of dtype object.
    split : {"train", "test", "all"}, default="train"
        Which part of the published split: 32,561 rows to train on, 16,281 to test on, or both in this order.

    Returns
    -------
    bunch : sklearn.utils.Bunch
        With the keys

        - ``data``: DataFrame or ndarray of shape (n_samples, 14). Numbers are integers, categories are strings, and
          a missing value is NaN.
        - ``target``: Series or ndarray of shape (n_samples,), strings.
        - ``frame``: DataFrame of shape (n_samples, 15), data and target; None without `as_frame`.
        - ``feature_names``, ``target_names``: names of the columns of data, labels in order.
        - ``categorical_features``, ``numeric_features``: the names in ``feature_names``, parted by kind.
        - ``protected``: names of the columns that a decision about a person should not follow.
        - ``DESCR``: what the table is, its source and its licence.
    (data, target) : tuple
        When `return_X_y` is True.

    Raises
    ------
    ValueError
        If `split` is none of the three, or a switch is not a bool.

    Notes
    -----
    ``fnlwgt`` is a survey weight: the number of people that the row stands for, not a feature of the person. ``sex``
    and ``race`` are protected.

    References
    ----------
    B. Becker, R. Kohavi (1996). Adult. UCI Machine Learning Repository. https://doi.org/10.24432/C5XW20

    Examples
    --------
    >>> from sklearn_xai.datasets import load_adult
    >>> adult = load_adult(split="test")
    >>> adult.data.shape
    (16281, 14)
    >>> adult.protected
    ['race', 'sex']
    >>> X, y = load_adult(return_X_y=True)
    >>> int((y == ">50K").sum())
    7841
    """
    check_switches("load_adult", return_X_y=return_X_y, as_frame=as_frame)
    if split not in SPLITS:
        raise ValueError(f"The 'split' parameter of load_adult must be 'train', 'test' or 'all'. Got {split!r}.")

    frame = _read()
    if split != "all":
        frame = frame[frame["split"] == split]
    frame = frame.drop(columns="split").reset_index(drop=True)
    data, target = frame.drop(columns=TARGET), frame[TARGET]
    feature_names = list(data.columns)
    if not as_frame:
        frame, data, target = None, data.to_numpy(dtype=object), target.to_numpy(dtype=object)
    if return_X_y:
        return data, target
    return Bunch(
        data=data,
        target=target,
        frame=frame,
        feature_names=feature_names,
        target_names=["<=50K", ">50K"],
        categorical_features=[name for name in feature_names if name not in NUMERIC],
        numeric_features=list(NUMERIC),
        protected=list(PROTECTED),
        DESCR=described("adult.csv.gz"),
    )


def _read() -> pd.DataFrame:
    import pandas as pd

    with shipped("adult.csv.gz").open("rb") as file:
        return pd.read_csv(file, compression="gzip", na_values="?", keep_default_na=False)
