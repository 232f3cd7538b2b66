"""Tests and examples of docstrings and pages: one torch thread, as nets are small, and the same draws."""

from __future__ import annotations

import os

# Read when scipy is imported; without it scikit-learn skips its array API check.
os.environ.setdefault("SCIPY_ARRAY_API", "1")

import numpy as np
import pytest
import torch


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Leave a core to each of the processes that tests run in."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def same_draws():
    """Modules that a test builds have the same weights, ``random_state=None`` draws the same, whatever ran before."""
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002
