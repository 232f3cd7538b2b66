"""The nearest point of a boundary: starts, steps to the boundary as linearised, and landing on it.

All rows and starts of a chunk go on together; a row's way does not depend on the others.
"""

from __future__ import annotations

import numpy as np

from sklearn_xai.output.boundary.cuts import Cuts, box_nearest

_RIVALS = 3  # classes towards which a search starts
_REACH = 2.0 ** np.arange(-2, 6)  # how far a search looks, in standard deviations, where it knows no other side
_ALONG = np.array([*np.arange(1, 17) / 16, 1.01, 1.1, 1.5, 2.0, 4.0])
_DRAWN = 1.5  # standard deviations to points around a row
_NEARER = (0.7, 0.85, 0.95)  # of the distance, where it is looked for a nearer other side
_SHARES = np.array([1.0, 0.5, 0.25, 0.1])
_SETTLED = 1e-7  # a step, of the distance, after which nothing changes any more
CLOSE = 1e-3  # a step, of the distance, below which a point counts as the nearest one around


def nearest(surface, others, directions, n_iterations):
    """Return the step of each row to the nearest point of the boundary that is found.

    Parameters
    ----------
    surface : Surface
    others : ndarray of shape (n_rows, n_starts, n_columns)
        Steps to background rows that may be on the other side, the nearest first; NaN where there are fewer.
    directions : ndarray of shape (n_directions, n_columns)
        In which it is looked whether the boundary is nearer than it was found.
    n_iterations : int

    Returns
    -------
    steps : ndarray of shape (n_rows, n_columns); NaN where no boundary was found
    settled : bool ndarray of shape (n_rows,)
        Whether the point is the nearest one around, by the gradients there.
    """
    n, d = surface.free.shape
    search = _Search(surface, np.full((n, d), np.nan), np.full(n, np.inf), np.zeros(n, dtype=bool))
    at_row = surface.margins(np.zeros((n, d)), np.arange(n))
    over = at_row <= 0
    search.keep(np.flatnonzero(over), np.zeros((over.sum(), d)), np.ones(over.sum(), dtype=bool))
    open_rows = np.flatnonzero(~over & surface.free.any(axis=1))
    if not len(open_rows):
        return search.steps, search.settled
    steps, rows = _land_at_others(surface, open_rows, others)
    if not surface.stepwise:
        first, owners = _first_steps(surface, open_rows)
        drawn = _drawn_steps(surface, open_rows, directions[: surface.moves.most_drawn])
        again = np.repeat(open_rows, surface.moves.most_drawn)
        steps, rows = np.concatenate([steps, first, drawn]), np.concatenate([rows, owners, again])
    search.follow(steps, rows, n_iterations)
    lost = open_rows[~np.isfinite(search.distance[open_rows])]
    if len(lost):
        steps, rows = _look_around(surface, lost)
        search.follow(steps, rows, n_iterations)
    found = open_rows[np.isfinite(search.distance[open_rows])]
    if len(found):
        search.follow(*_probe(surface, search.steps[found], found, directions), n_iterations)
        if not surface.stepwise:
            search.follow(search.steps[found], found, n_iterations)
    return search.steps, search.settled


class _Search:
    """The best that is known of each row."""

    def __init__(self, surface, steps, distance, settled):
        self.surface, self.steps, self.distance, self.settled = surface, steps, distance, settled

    def follow(self, steps, rows, n_iterations):
        """Go on from some points, and keep what is nearer than what is known."""
        if not len(rows):
            return
        settled = np.zeros(len(rows), dtype=bool)
        if self.surface.stepwise:
            steps = shrink(self.surface, steps, rows)
        else:
            steps, settled = refine(self.surface, steps, rows, n_iterations)
        landed, ok = land(self.surface, steps, rows)
        moved = np.linalg.norm(landed - steps, axis=1)
        settled &= moved <= CLOSE * np.linalg.norm(steps, axis=1)
        self.keep(rows[ok], landed[ok], settled[ok])

    def keep(self, rows, steps, settled):
        """Keep the nearest point of each row; on a tie one that is settled."""
        distance = np.linalg.norm(steps, axis=1)
        for i in np.lexsort((~settled, distance, rows)):
            row = rows[i]
            nearer = distance[i] < self.distance[row] * (1 - 1e-9)
            if nearer or (settled[i] and not self.settled[row] and distance[i] <= self.distance[row] * (1 + 1e-6)):
                self.steps[row], self.distance[row], self.settled[row] = steps[i], distance[i], settled[i]


# ---------------------------------------------------------------------- where a search starts
def _land_at_others(surface, rows, others):
    """Return points of the boundary on the way to background rows, the nearest few of each row."""
    known = np.isfinite(others[rows]).all(axis=2)
    owner, targets = rows[np.nonzero(known)[0]], others[rows][known]
    if not len(owner):
        return targets, owner
    targets = surface.within(np.where(surface.free[owner], targets, 0), owner)
    crossed = surface.over(targets, owner)  # columns that are held may take them back
    if not crossed.any():
        return targets[:0], owner[:0]
    landed, ok = land(surface, targets[crossed], owner[crossed])
    landed, owner = landed[ok], owner[crossed][ok]
    order = np.lexsort((np.linalg.norm(landed, axis=1), owner))
    landed, owner = landed[order], owner[order]
    near = np.arange(len(owner)) - np.searchsorted(owner, owner) < surface.moves.most_starts
    return landed[near], owner[near]


def _first_steps(surface, rows):
    """Return the rows, and the nearest points of the linearised boundaries to their next classes (as in DeepFool)."""
    zero, margin = np.zeros((len(rows), surface.free.shape[1])), surface.margin
    steps, owner = [zero], [rows]
    outputs = surface.moves.outputs(zero, rows)
    classes = outputs.shape[1] if margin.levels is None else 0
    own = outputs[np.arange(len(rows)), margin.targets[rows]]
    for place in range(1, min(_RIVALS, classes - 1)):
        slope = surface.slopes(zero, rows, place)[1]
        gap = own - outputs[np.arange(len(rows)), margin.rival(outputs, rows, place)]
        length = np.square(slope).sum(axis=1)
        towards = (margin.sign[rows] > 0) & (length > 0)
        step = slope[towards] * -(gap[towards] / length[towards])[:, None]
        steps.append(surface.within(step, rows[towards]))
        owner.append(rows[towards])
    return np.concatenate(steps), np.concatenate(owner)


def _probe(surface, steps, rows, directions):
    """Return points of the other side that are nearer than steps: in all directions, and in those around the steps."""
    size = np.linalg.norm(steps, axis=1)
    directions = directions[: surface.moves.most_probes]
    around = np.where(surface.free[rows][:, None], directions, 0)
    half = len(directions) // 2
    around[:, half:] = 0.5 * _unit(around[:, half:]) + _unit(steps)[:, None]
    around = _unit(around)
    found, owner = [np.empty((0, steps.shape[1]))], [np.empty(0, dtype=int)]
    for share in _NEARER:
        points = share * size[:, None, None] * around
        points = surface.within(points.reshape(-1, steps.shape[1]), np.repeat(rows, len(directions)))
        over = surface.over(points.reshape(around.shape), rows)
        hit = np.flatnonzero(over.any(axis=1))
        found.append(points.reshape(around.shape)[hit, over.argmax(axis=1)[hit]])
        owner.append(rows[hit])
    return np.concatenate(found), np.concatenate(owner)


def _unit(steps):
    size = np.linalg.norm(steps, axis=-1, keepdims=True)
    return steps / np.where(size > 0, size, 1)


def _drawn_steps(surface, rows, directions):
    """Return points around rows, the same for all but for the columns that do not move."""
    steps = np.tile(_DRAWN * _unit(directions), (len(rows), 1))
    rows = np.repeat(rows, len(directions))
    return surface.within(np.where(surface.free[rows], steps, 0), rows)


def _look_around(surface, rows):
    """Return where rows of which no other side is known come to one: along the gradient and along each column."""
    d = surface.free.shape[1]
    directions = np.concatenate([np.eye(d), -np.eye(d)])
    directions = np.where(surface.free[rows][:, None], directions, 0)
    if not surface.stepwise:
        slope = surface.slopes(np.zeros((len(rows), d)), rows)[1]
        length = np.linalg.norm(slope, axis=1, keepdims=True)
        slope = (slope / np.where(length > 0, length, 1))[:, None]
        directions = np.concatenate([-slope, slope, directions], axis=1)
    best, distance = np.zeros((len(rows), d)), np.full(len(rows), np.inf)
    for k in range(directions.shape[1]):
        points = directions[:, k, None] * _REACH[:, None]
        points = surface.within(points.reshape(-1, d), np.repeat(rows, len(_REACH))).reshape(points.shape)
        over = surface.over(points, rows)
        at = over.argmax(axis=1)
        reached = np.where(over.any(axis=1), _REACH[at], np.inf)
        nearer = reached < distance
        best[nearer], distance[nearer] = points[np.flatnonzero(nearer), at[nearer]], reached[nearer]
    found = np.isfinite(distance)
    return best[found], rows[found]


# ---------------------------------------------------------------------- onto the boundary
def land(surface, steps, rows):
    """Return the first points of the boundary on the way from rows through points, just beyond it, and whether found.

    The way is looked at in sixteenths, and beyond the point up to four times as far; then by bisection.
    """
    points = steps[:, None] * _ALONG[:, None]
    if surface.bounded:
        flat = points.reshape(-1, steps.shape[1])
        points = surface.within(flat, np.repeat(rows, len(_ALONG))).reshape(points.shape)
    over = surface.over(points, rows)
    at, found = over.argmax(axis=1), over.any(axis=1)
    every = np.arange(len(rows))
    low, high = np.where((at > 0)[:, None], points[every, np.maximum(at, 1) - 1], 0.0), points[every, at]
    for _ in range(40):
        middle = (low + high) / 2
        beyond = surface.over(middle, rows)[:, None]
        low, high = np.where(beyond, low, middle), np.where(beyond, middle, high)
    return high, found


# ---------------------------------------------------------------------- along the boundary
def refine(surface, steps, rows, n_iterations):
    r"""Go from some points to the nearest ones of the boundary around them.

    At a point u with margin m and gradient g, the nearest point of the linearised other side,

    .. math:: \min_v \|v\| \quad \text{so that} \quad m + g^T (v - u) \le 0,

    is gone to as far as it lowers the length plus twice the distance that is left to the boundary (the step of Hasofer,
    Lind, Rackwitz and Fiessler). Former linearisations count as well, as long as they promise no less than is true
    here: where a network has a kink, one plane alone would lead from either side beyond it.

    Returns
    -------
    steps : ndarray of shape (n, n_columns)
    settled : bool ndarray of shape (n,)
    """
    u, n = steps.copy(), len(rows)
    m, g = surface.slopes(u, rows)
    cuts = Cuts(n, u.shape[1])
    trust, price, going = np.ones(n), np.zeros(n), np.ones(n, dtype=bool)
    settled = np.zeros(n, dtype=bool)
    for _ in range(n_iterations):
        going &= np.square(g).sum(axis=1) > 0
        at = np.flatnonzero(going)
        if not len(at):
            break
        cuts.take_current(at, u[at], m[at], g[at])
        goal = cuts.nearest(at) if not surface.bounded else box_nearest(surface, rows[at], u[at], m[at], g[at])
        way = goal - u[at]
        left, size = np.linalg.norm(way, axis=1), np.linalg.norm(goal, axis=1)
        settled[at] = left <= CLOSE * size
        going[at] = (left > _SETTLED * size) & (trust[at] > 1e-5)
        price[at] = np.maximum(price[at], 2 / np.linalg.norm(g[at], axis=1))
        trials = u[at, None] + (trust[at, None] * _SHARES)[..., None] * way[:, None]
        left_over = np.nan_to_num(np.maximum(surface.margins(trials, rows[at]), 0), nan=np.inf)  # no number, no row
        merits = np.linalg.norm(trials, axis=2) + price[at, None] * left_over
        now = np.linalg.norm(u[at], axis=1) + price[at] * np.maximum(m[at], 0)
        best = merits.argmin(axis=1)
        every = np.arange(len(at))
        better = merits[every, best] < now
        new = trials[every, np.where(better, best, 0)]
        new_m, new_g = surface.slopes(new, rows[at])
        cuts.remember(at, new, new_m, new_g, better)
        trust[at] = np.where(better, np.minimum(1, 2 * trust[at] * _SHARES[best]), trust[at] / 4)
        moving = at[better]
        u[moving], m[moving], g[moving] = new[better], new_m[better], new_g[better]
    return u, settled


def shrink(surface, steps, rows, rounds=2):
    """Take back as much of each column's step as leaves a row on the other side, the largest steps last to stay.

    Parameters
    ----------
    surface : Surface
    steps : ndarray of shape (n, n_columns)
        To points on the other side.
    rows : int ndarray of shape (n,)
    rounds : int
        How often all columns are gone through.
    """
    u, every = steps.copy(), np.arange(len(rows))
    for _ in range(rounds):
        order = np.argsort(np.abs(u), axis=1)
        for k in range(u.shape[1]):
            column = order[:, k]
            whole = u[every, column]
            if not whole.any():
                continue
            kept, width = np.ones(len(rows)), 1.0
            for _ in range(3):  # each time eight times as fine
                shares = kept[:, None] - width * np.arange(1, 9) / 8
                points = np.repeat(u[:, None], 8, axis=1)
                points[every[:, None], np.arange(8), column[:, None]] = np.maximum(shares, 0) * whole[:, None]
                stays = np.cumprod(surface.over(points, rows), axis=1).sum(axis=1)
                kept, width = np.maximum(0, kept - width * stays / 8), width / 8
            u[every, column] = kept * whole
    return u
