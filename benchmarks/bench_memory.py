"""Peak memory of ``transform`` on 200,000 rows against 20,000, the input and the result not counted."""

from __future__ import annotations

import os
import re
import subprocess
import sys

from benchmarks.common import Result, size

FEW, MANY = size((20_000, 200_000), (5_000, 20_000))
NAMES = ("IntegratedGradientsExplainer", *size(("SaliencyExplainer", "LocalSurrogateExplainer"), ()))

_CHILD = """
import sys, threading, time
import numpy as np, torch
from torch import nn
import sklearn_xai
n, name = int(sys.argv[1]), sys.argv[2]
torch.set_num_threads(2)
torch.manual_seed(0)
net = nn.Sequential(nn.Linear(108, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 2))
X = np.random.RandomState(0).standard_normal((n, 108)).astype("float32")
options = {"n_samples": 100} if name == "LocalSurrogateExplainer" else {}
explainer = getattr(sklearn_xai, name)(net, target=1, random_state=0, **options).fit(X[:1000])
explainer.transform(X[:5000])

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096

before, peak, done = resident(), 0, False
def watch():
    global peak
    while not done:
        peak = max(peak, resident())
        time.sleep(0.002)
thread = threading.Thread(target=watch)
thread.start()
result = explainer.transform(X)
done = True
thread.join()
print("PEAK", before, peak, result.nbytes)
"""


def peak_bytes(n_rows, name):
    """Return the peak memory of a process in ``transform``, input and result not counted, and what it rose by."""
    path = os.pathsep.join([os.getcwd(), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _CHILD, str(n_rows), name],
        capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip
    before, peak, result = (int(number) for number in re.search(r"PEAK (\d+) (\d+) (\d+)", done.stdout).groups())
    return peak - result - n_rows * 108 * 4, peak - result - before


def run():
    """Compare for a gradient method, a path method and a coalition method."""
    for name in NAMES:
        (small, few), (large, many) = peak_bytes(FEW, name), peak_bytes(MANY, name)
        note = (
            "of the whole process without input and result; more than "
            f"after a first transform: {many / 2**20:.0f} vs {few / 2**20:.0f} MiB"
        )
        yield Result(
            f"peak memory of {name}, {MANY:,} rows", f"{FEW:,} rows", large / small, 1.1, True, note,
            ours=large / 2**20, theirs=small / 2**20, unit="MiB", headline=name == NAMES[0],
        )  # fmt: skip
