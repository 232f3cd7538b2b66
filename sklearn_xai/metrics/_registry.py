"""Which metrics there are, and what a scorer or a comparison must know of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

FAMILIES = ("faithfulness", "robustness", "complexity", "randomisation", "axioms", "localisation", "agreement")


@dataclass(frozen=True)
class Metric:
    """A metric and its properties.

    Attributes
    ----------
    function : callable
        ``metric(explainer, X, y=None, *, attributions=None, sample_wise=False, random_state=None, ...)``.
    family : str
        One of FAMILIES.
    greater_is_better : bool
    needs : tuple of str
        Parameters without a default, which the caller must give: "masks", "reference".
    inputs : tuple of {"table", "image", "tokens"}
        What the explained rows may be.
    network : bool
        Whether the explained estimator must end in a network.
    """

    function: Callable
    family: str
    greater_is_better: bool
    needs: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ("table", "image", "tokens")
    network: bool = False

    @property
    def name(self) -> str:
        """The name of the function, by which the metric is asked for."""
        return self.function.__name__

    @property
    def sign(self) -> int:
        """1 where larger is better, else -1."""
        return 1 if self.greater_is_better else -1


METRICS: dict[str, Metric] = {}


def explanation_metric(*, family, greater_is_better, **properties):
    """Make a function known as a metric; it stays the plain function that it is."""
    if family not in FAMILIES:
        raise ValueError(f"The 'family' parameter of explanation_metric must be one of {FAMILIES}. Got {family!r}.")

    def register(function):
        METRICS[function.__name__] = Metric(function, family, greater_is_better, **properties)
        return function

    return register
