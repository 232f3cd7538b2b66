"""NetworkDissection of 64 units and 24 concepts over 5,000 images against one forward pass over them; its memory."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from functools import partial

import torch
from torch import nn

from benchmarks.common import Result, against_best, size
from sklearn_xai import NetworkDissection
from sklearn_xai.datasets import make_concept_images

N_IMAGES = size(5_000, 200)
FEW, MANY = size((2_000, 20_000), (200, 800))  # whose peak memory is compared
LAYERS = {"16 x 16": "4", "8 x 8": "9"}

_CHILD = """
import sys
import numpy as np, torch
from benchmarks.bench_dissection import network
from sklearn_xai import NetworkDissection
n = int(sys.argv[1])
torch.set_num_threads(2)
rng = np.random.default_rng(0)
images, masks = np.empty((n, 3, 32, 32), np.float32), np.empty((n, 24, 32, 32), bool)
for start in range(0, n, 500):
    images[start : start + 500] = rng.standard_normal(images[start : start + 500].shape, dtype=np.float32)
    masks[start : start + 500] = rng.random(masks[start : start + 500].shape, dtype=np.float32) < 0.03
dissection = NetworkDissection(network(), layer="4")
dissection.fit(images[:500], masks[:500])

def status(name):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(name)) * 1024

before = status("VmRSS")
with open("/proc/self/clear_refs", "w") as file:
    file.write("5")  # the peak is counted from here
dissection.fit(images, masks)
print("PEAK", before, status("VmHWM"), images.nbytes + masks.nbytes)
"""


def network():
    """Return a small convolutional net of 32x32 images, with 64 units of 16x16 places, and of 8x8."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(),
        nn.Conv2d(64, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(64, 64, 3, padding=1), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10),
    ).eval()  # fmt: skip


def shallow():
    """Return a net whose 64 units have 32x32 places, before most of its work."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 64, 3, padding=1), nn.ReLU(), nn.Conv2d(64, 32, 3, padding=1), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10),
    ).eval()  # fmt: skip


def forward(module, images, n_images):
    """Run the whole network once, some images at a time."""
    with torch.inference_mode():
        for part in torch.as_tensor(images).split(n_images):
            module(part)


def compare(name, module, layer, made, **options):
    """Compare one ``fit`` with the best batch of a forward pass."""
    dissection = NetworkDissection(module, layer=layer)
    calls = {n_images: partial(forward, module, made.images, n_images) for n_images in (128, 256, 512)}
    dissection.fit(made.images, made)
    return against_best(
        f"NetworkDissection.fit, 64 units of {name} x 24 concepts, {len(made.images):,} images of 32 x 32",
        "one forward pass, best batch", 5, partial(dissection.fit, made.images, made), calls, at_most=True,
        note=f"{len(dissection.detectors_)} detectors", rounds=3, **options,
    )  # fmt: skip


def peak_bytes(n_images):
    """Return the peak memory of a process in ``fit`` without the images and masks, and what it rose by."""
    path = os.pathsep.join([os.getcwd(), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _CHILD, str(n_images)],
        capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip
    before, peak, given = (int(number) for number in re.search(r"PEAK (\d+) (\d+) (\d+)", done.stdout).groups())
    return peak - given, peak - before


def run():
    """Compare the time at three sizes of maps, and the memory at two numbers of images."""
    made = make_concept_images(N_IMAGES, random_state=0)
    for name, layer in LAYERS.items():
        yield compare(name, network(), layer, made, headline=name == "16 x 16")
    yield compare("32 x 32", shallow(), "1", made)
    (small, few), (large, many) = peak_bytes(FEW), peak_bytes(MANY)
    note = (
        "of the whole process without images and masks; more than "
        f"after a first fit: {many / 2**20:.0f} vs {few / 2**20:.0f} MiB"
    )
    yield Result(
        f"peak memory of NetworkDissection.fit, {MANY:,} images", f"{FEW:,}", large / small, 1.1, True, note,
        ours=large / 2**20, theirs=small / 2**20, unit="MiB",
    )  # fmt: skip
