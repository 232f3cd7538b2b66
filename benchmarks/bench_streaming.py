"""Peak memory of ``transform_to`` on 2,000,000 census rows, Parquet to Parquet, against 200,000; and its time."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

from benchmarks.census import census
from benchmarks.common import Result, size, take_turns, timed
from sklearn_xai import IntegratedGradientsExplainer
from sklearn_xai.datasets import load_adult

FEW, MANY = size((200_000, 2_000_000), (20_000, 60_000))
PART = size(None, 5_000)  # rows of a part; the usual number, but in a quick run
GROUP = 100_000  # rows of a row group

_CHILD = """
import sys, time
import torch
from benchmarks.bench_streaming import fitted

torch.set_num_threads(2)
explainer = fitted()

def peak():
    # Of this process alone: what getrusage gives includes the process that this one was forked from.
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM"))

before, start = peak(), time.perf_counter()
explainer.transform_to(sys.argv[2], sys.argv[1], batch_rows=int(sys.argv[3]) or None)
print("PEAK", before, peak(), time.perf_counter() - start)
"""


def fitted():
    """Return an explainer of the census Pipeline, of few steps so that reading and writing are not lost in it."""
    pipeline, X, _ = census(4_000)
    return IntegratedGradientsExplainer(pipeline, n_steps=16, random_state=0).fit(X)  # all categories are known


def write_rows(path, n_rows):
    """Write so many census rows, the table again and again, a row group at once."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    X = load_adult(return_X_y=True)[0]
    schema = pa.Schema.from_pandas(X, preserve_index=False)
    with pq.ParquetWriter(path, schema) as writer:
        for start in range(0, n_rows, GROUP):
            rows = [(start + i) % len(X) for i in range(min(GROUP, n_rows - start))]
            writer.write_table(pa.Table.from_pandas(X.iloc[rows], schema=schema, preserve_index=False))


def streamed(rows, result):
    """Return (peak before, peak after, seconds) of a process that streams a file."""
    path = os.pathsep.join([os.getcwd(), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _CHILD, str(rows), str(result), str(PART or 0)],
        capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip
    before, peak, seconds = re.search(r"PEAK (\d+) (\d+) ([\d.]+)", done.stdout).groups()
    return int(before), int(peak), float(seconds)


def run():
    """Compare the peaks of two processes, and the time with that of reading, explaining and writing all at once."""
    import pandas as pd

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for n_rows in (FEW, MANY):
            write_rows(folder / f"{n_rows}.parquet", n_rows)
        before, few, _ = streamed(folder / f"{FEW}.parquet", folder / "few")
        _, many, seconds = streamed(folder / f"{MANY}.parquet", folder / "many")
        note = (
            f"{MANY / seconds:,.0f} rows/s; of the whole process, which had {before / 2**20:.0f} MiB before; the files "
            f"have {(folder / f'{MANY}.parquet').stat().st_size / 2**20:.0f} MiB"
        )
        yield Result(
            f"peak memory of transform_to, IG, {MANY:,} rows Parquet to Parquet", f"{FEW:,} rows", many / few, 1.1,
            at_most=True, note=note, ours=many / 2**20, theirs=few / 2**20, unit="MiB", headline=True,
        )  # fmt: skip

        explainer, rows = fitted(), folder / f"{FEW}.parquet"
        explainer.set_output(transform="pandas")
        calls = {
            "parts": lambda: explainer.transform_to(folder / "parts", rows, batch_rows=PART, overwrite=True),
            "memory": lambda: explainer.transform(pd.read_parquet(rows)).to_parquet(folder / "memory.parquet"),
        }
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = take_turns(calls, rounds=3, warm=False)
        yield timed(
            f"transform_to, IG, {FEW:,} rows Parquet to Parquet", "read_parquet, transform, to_parquet at once", 1.1,
            found["parts"], found["memory"], at_most=True, n_rows=FEW,
        )  # fmt: skip
