"""Draw without a screen, and leave no figure open."""

from __future__ import annotations

import matplotlib
import pytest

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def close_figures():
    """Check that no test changes the settings of matplotlib, and close what it drew."""
    from matplotlib import pyplot as plt

    before = dict(matplotlib.rcParams)
    yield
    plt.close("all")
    assert dict(matplotlib.rcParams) == before


@pytest.fixture
def ax():
    """Axes that pyplot does not know of."""
    from matplotlib.figure import Figure

    return Figure(figsize=(7, 4)).subplots()
