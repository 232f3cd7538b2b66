"""What is put back between the examples of the gallery, so that each gives what it gives alone."""

from __future__ import annotations

import random

import numpy as np
import torch


def reset(gallery_conf, example):
    """Seed the generators that an example may draw from without saying so, and keep to one thread."""
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002
    torch.manual_seed(0)
    torch.set_num_threads(1)
