"""One torch thread, as the nets are small; and scipy told that scikit-learn's array checks may run."""

from __future__ import annotations

import os

# Read when scipy is imported; without it scikit-learn skips its array API check.
os.environ.setdefault("SCIPY_ARRAY_API", "1")

import numpy as np
import pytest
import torch

from tests.browsing import axe, browser  # noqa: F401


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def same_draws():
    """Modules that a test builds have the same weights, ``random_state=None`` draws the same, whatever ran before."""
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002
