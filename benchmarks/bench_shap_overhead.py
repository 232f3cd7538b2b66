"""What the wrapper costs over calling shap directly: the same algorithm, background, rows and evaluations."""

from __future__ import annotations

import warnings

import numpy as np
import shap
import torch

from benchmarks.census import census
from benchmarks.common import size, take_turns, timed
from sklearn_xai import SHAPExplainer
from sklearn_xai._rng import isolated_rng

N_ROWS, N_BACKGROUND, N_COALITIONS = size(32, 4), 50, 512


def run():
    """Compare on the numeric columns of the census table, standardised, through a small net of 103 inputs."""
    pipeline, _, matrix = census()
    net = pipeline[-1]
    background, rows = matrix[:N_BACKGROUND], matrix[10_000 : 10_000 + N_ROWS]
    for algorithm in ("kernel", "permutation"):
        ours = SHAPExplainer(
            net, algorithm=algorithm, max_evals=N_COALITIONS, background_size=N_BACKGROUND, tol=10.0,
            random_state=0,
        ).fit(background)  # fmt: skip
        ours.transform(rows[:1])

        def predict(z):
            with torch.no_grad():
                return net.infer(torch.as_tensor(np.asarray(z, dtype=np.float32)))[:, 1].numpy()

        def direct(algorithm=algorithm, predict=predict, background=ours.background_):
            with warnings.catch_warnings(), isolated_rng(0):
                warnings.simplefilter("ignore")
                if algorithm == "kernel":
                    explainer = shap.KernelExplainer(predict, background)
                    explainer.shap_values(rows, nsamples=N_COALITIONS, l1_reg=0, silent=True)
                else:
                    masker = shap.maskers.Independent(background, max_samples=N_BACKGROUND)
                    shap.PermutationExplainer(predict, masker)(rows, max_evals=N_COALITIONS, silent=True)

        net.module_.eval()
        seconds = take_turns({"ours": lambda ours=ours: ours.transform(rows), "shap": direct})
        yield timed(
            f"SHAPExplainer, {algorithm}", "shap", 1.05, seconds["ours"], seconds["shap"], at_most=True, n_rows=N_ROWS,
            headline=algorithm == "kernel",
        )  # fmt: skip
