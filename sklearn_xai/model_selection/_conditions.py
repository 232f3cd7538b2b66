"""Under which folds, seeds, backgrounds and noise the same rows are explained, and how that is done.

Crossing all sources would cost the product of their levels. Here each fold is explained as it is, and each further
level of each other source at one fold, the others at their first level: `n_folds` plus `n_repeats - 1` a source.
"""

from __future__ import annotations

import copy
import warnings
from typing import NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from sklearn_xai._rng import draw_seed, own_random_state
from sklearn_xai.base.nearby import looked_up
from sklearn_xai.model_selection._noise import RowNoise
from sklearn_xai.model_selection._variance import SOURCES
from sklearn_xai.model_selection.inputs import around, finite, given, last_step, n_rows, take_rows
from sklearn_xai.models import is_module, is_network, split_pipeline


class Conditions:
    """The levels of each source in each condition, and the seeds behind them.

    Parameters
    ----------
    sources : tuple of str
    n_folds : int
        1 where the folds are not a source.
    n_repeats : int
        Number of levels of each other source; the first is that of all folds.
    random_state : int, RandomState instance or None
    noise : RowNoise or None, default=None

    Attributes
    ----------
    levels : dict from source to int ndarray of shape (n_conditions,)
    """

    def __init__(self, sources, n_folds, n_repeats, random_state, noise=None):
        self.noise = noise
        others = [source for source in SOURCES if source in sources and source != "folds"]
        steps = [(source, level) for source in others for level in range(1, n_repeats)]
        folds = [*range(n_folds), *((level - 1) % n_folds for _, level in steps)]
        every = {source: np.zeros(len(folds), dtype=int) for source in SOURCES} | {"folds": np.array(folds)}
        for place, (source, level) in enumerate(steps, start=n_folds):
            every[source][place] = level
        self._every = every
        self.levels = {source: every[source] for source in SOURCES if source in sources}
        rng = own_random_state(random_state)
        self._fold_seeds = [draw_seed(rng) for _ in range(n_folds)]
        if "seeds" in sources:
            self._fold_seeds = [self._fold_seeds[0]] * n_folds
        self._seeds = {step: draw_seed(rng) for step in steps}

    def jobs(self) -> list[Job]:
        """Share the conditions out: one job for each model to be trained."""
        models: dict[tuple[int, int], list[Place]] = {}
        for place in range(len(self._every["folds"])):
            fold, seed, background, noise = (int(self._every[source][place]) for source in SOURCES)
            where = Place(place, self._seed("backgrounds", background), self._seed("noise", noise))
            models.setdefault((fold, seed), []).append(where)
        return [
            Job(fold, self._fold_seeds[fold], self._seed("seeds", seed), places)
            for (fold, seed), places in models.items()
        ]

    def _seed(self, source, level):
        return self._seeds.get((source, level))


class Place(NamedTuple):
    """A condition of one model: its number, and the seeds of its background and noise, None for none of their own."""

    number: int
    background: int | None
    noise: int | None


class Job(NamedTuple):
    """One model: its fold, the seed of an explainer without one, and the seed of a retraining, or None."""

    fold: int
    own_seed: int
    retraining: int | None
    places: list[Place]


def explain_job(explainer, job, X, y, train, X_eval, fit_params, noise):
    """Train one model and give (number, attributions) of each of its conditions, and the fitted explainer."""
    X_train, y_train = (X, y) if train is None else (take_rows(X, train), None if y is None else take_rows(y, train))
    if train is not None:
        fit_params = {name: share_of_rows(value, train, n_rows(X)) for name, value in fit_params.items()}
    fitted, found = _fit(clone(explainer), job, X_train, y_train, fit_params), []
    for place in job.places:
        used, rows = fitted, X_eval
        if place.background is not None:
            rng = np.random.RandomState(place.background)
            drawn = rng.randint(n_rows(X_train), size=n_rows(X_train))
            y_drawn = None if y is None else take_rows(y_train, drawn)
            seedless = getattr(last_step(explainer), "random_state", 0) is None
            used = _fit_again(fitted, take_rows(X_train, drawn), y_drawn, draw_seed(rng) if seedless else None)
        if place.noise is not None:
            _check_numbers(fitted)
            rows = noise.move(X_eval, np.random.RandomState(place.noise))
        attributions = np.asarray(used.transform(rows))
        found.append((place.number, finite(attributions, type(explainer).__name__)))
    return found, fitted


def _check_numbers(fitted):
    """Raise ValueError where the rows are codes that a network looks up."""
    last = last_step(fitted)
    model = getattr(last, "_model", None)
    network = getattr(model, "network", None)
    if network is None or model.steps or last._layout is not None:
        return
    if looked_up(network, last.background_).any():
        raise ValueError(
            "The 'sources' parameter of explanation_stability names 'noise', which moves numbers: "
            f"{type(last).__name__} explains a network that looks up the whole numbers in the rows. Leave 'noise' out."
        )


def _fit(explainer, job, X, y, fit_params):
    last = last_step(explainer)
    own, seedless = getattr(last, "random_state", None), getattr(last, "random_state", 0) is None
    if job.retraining is None:
        if seedless:
            last.set_params(random_state=job.own_seed)
        return explainer.fit(X, y, **fit_params)
    if hasattr(last, "random_state"):
        last.set_params(random_state=job.retraining)
    _reseed(given(last), job.retraining)
    explainer.fit(X, y, **fit_params)
    # The method draws as it does at the first seed: only the model differs.
    return explainer if seedless or own is None else _fit_again(explainer, X, y, own)


def _reseed(estimator, seed):
    """Give every seed that an estimator was given another value; those that are None are seeded in training."""
    rng = np.random.RandomState(seed)
    for name, value in sorted(estimator.get_params(deep=True).items()):
        if (name == "random_state" or name.endswith("__random_state")) and value is not None:
            estimator.set_params(**{name: draw_seed(rng)})


def _fit_again(fitted, X, y, random_state):
    """Fit the explainer at the end of a fitted Pipeline, or alone, on other background rows of the same model.

    Its seed stays where `random_state` is None.
    """
    if isinstance(fitted, Pipeline):
        *before, (name, last) = fitted.steps
        inner = _fit_again(last, Pipeline(before).transform(X) if before else X, y, random_state)
        again = copy.copy(fitted)
        again.steps = [*before, (name, inner)]
        return again
    model = fitted.estimator_
    fresh = clone(around(fitted, model if is_as_it_stands(model) else FrozenEstimator(model)))
    if random_state is not None:
        fresh.set_params(random_state=random_state)
    return fresh.fit(X, y)


def is_as_it_stands(estimator) -> bool:
    """Say whether an estimator is explained without training, `y` or not."""
    return isinstance(estimator, FrozenEstimator) or is_module(estimator)


def make_noise(explainer, sources, X, noise, caller) -> RowNoise | None:
    """Give what moves rows, if it is asked for."""
    if "noise" not in sources:
        return None
    direct = last_step(explainer) is explainer and is_network(given(explainer))
    return RowNoise(X, noise, caller, direct)


def check_sources(sources, caller, parameter="sources") -> tuple[str, ...]:
    """Give the sources in their order, or raise ValueError."""
    asked = (sources,) if isinstance(sources, str) else tuple(sources)
    if not asked or not set(asked) <= set(SOURCES) or len(set(asked)) < len(asked):
        raise ValueError(f"The '{parameter}' parameter of {caller} must name some of {SOURCES}, once. Got {asked}.")
    return tuple(source for source in SOURCES if source in asked)


def check_retrainable(explainer, y, sources, caller):
    """Raise ValueError where another seed is asked for and nothing is trained."""
    if "seeds" not in sources:
        return
    estimator = given(last_step(explainer))
    if y is None:
        raise ValueError(f"The 'sources' parameter of {caller} names 'seeds', which trains the estimator: pass 'y'.")
    if is_as_it_stands(estimator) or is_module(split_pipeline(estimator)[1]):
        raise ValueError(
            f"The 'sources' parameter of {caller} names 'seeds', which trains the estimator: a "
            f"{type(estimator).__name__} is explained as it stands. Leave 'seeds' out, or pass what can be trained."
        )
    net = split_pipeline(estimator)[1]
    # Of a module that is given with arguments, instance or class, skorch makes another in each training.
    if is_module(getattr(net, "module", None)) and not any(name.startswith("module__") for name in vars(net)):
        warnings.warn(
            f"The 'sources' parameter of {caller} names 'seeds', but the module of the {type(net).__name__} is an "
            "instance: every training starts from that instance's own weights, which makes seeds differ less than they "
            "do for a net that is trained from new ones. Give the class instead, with its arguments as 'module__...'.",
            UserWarning,
            stacklevel=3,
        )


def share_of_rows(value, indices, n_samples):
    """Return of a parameter of ``fit`` what belongs to some rows; all of it where it has no entry for each row."""
    per_row = hasattr(value, "__len__") and not isinstance(value, str | dict) and np.ndim(value) > 0
    return take_rows(value, indices) if per_row and n_rows(value) == n_samples else value
