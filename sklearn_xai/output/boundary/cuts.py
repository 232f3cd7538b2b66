"""The nearest point of a boundary as it was linearised at several points."""

from __future__ import annotations

from itertools import combinations

import numpy as np

_MOST_CUTS = 4


class Cuts:
    """Linearisations of the margin that rows have met: halfspaces ``g v <= c`` that hold the other side.

    Parameters
    ----------
    n, d : int
        Number of points that move at once, and of columns.
    """

    def __init__(self, n, d):
        self.normal, self.offset = np.zeros((n, _MOST_CUTS, d)), np.zeros((n, _MOST_CUTS))
        self.used = np.zeros((n, _MOST_CUTS), dtype=bool)

    def take_current(self, at, u, m, g):
        """Put the linearisation at the points first, and drop those that promise less than is true there."""
        size = np.linalg.norm(g, axis=1)
        self._put(at, 0, u, m, g)
        promised = np.einsum("npd,nd->np", self.normal[at], u) - self.offset[at]
        allowed = (m / size)[:, None] + 1e-4 * (1e-9 + np.linalg.norm(u, axis=1))[:, None]
        keeps = promised <= allowed
        keeps[:, 0] = True
        self.used[at] &= keeps

    def remember(self, at, u, m, g, moved):
        """Keep the linearisation at points where rows go from, or at trials that did not lead on."""
        for slot in range(_MOST_CUTS - 1, 1, -1):
            for part in (self.normal, self.offset, self.used):
                part[at, slot] = part[at, slot - 1]
        for part in (self.normal, self.offset, self.used):
            part[at[moved], 1] = part[at[moved], 0]
        self._put(at[~moved], 1, u[~moved], m[~moved], g[~moved])

    def _put(self, at, slot, u, m, g):
        size = np.linalg.norm(g, axis=1)
        known = size > 0
        safe = np.where(known, size, 1)
        self.normal[at, slot] = g / safe[:, None]
        self.offset[at, slot] = ((g * u).sum(axis=1) - m) / safe
        self.used[at, slot] = known

    def nearest(self, at):
        """Return the point of least norm in all halfspaces, (n, n_columns): the best set of them that it touches."""
        normal, offset, used = self.normal[at], self.offset[at], self.used[at]
        gram = np.einsum("npd,nqd->npq", normal, normal)
        best = normal[:, 0] * np.minimum(offset[:, 0], 0)[:, None]
        violation = self._violation(best, normal, offset, used)
        for size in range(2, _MOST_CUTS + 1):
            for chosen in combinations(range(_MOST_CUTS), size):
                pick = np.array(chosen)
                rows = np.flatnonzero(used[:, pick].all(axis=1) & (violation > 1e-9))
                if not len(rows):
                    continue
                ridge = gram[rows][:, pick[:, None], pick] + 1e-10 * np.eye(size)
                force = np.linalg.solve(ridge, -offset[rows][:, pick, None])[..., 0]
                point = -np.einsum("np,npd->nd", force, normal[rows][:, pick])
                off = self._violation(point, normal[rows], offset[rows], used[rows])
                off = np.where((force >= 0).all(axis=1), off, np.inf)
                better = (off < violation[rows]) & (off <= 1e-6 * (1 + np.linalg.norm(point, axis=1)))
                best[rows[better]], violation[rows[better]] = point[better], off[better]
        return best

    @staticmethod
    def _violation(points, normal, offset, used):
        off = np.einsum("npd,nd->np", normal, points) - offset
        return np.maximum(0, np.where(used, off, 0).max(axis=1))


def box_nearest(surface, rows, u, m, g):
    """Return the point of least norm on the linearised boundary, within bounds: ``clip(-t g)`` for the right t."""
    size = np.linalg.norm(g, axis=1)
    normal, offset = g / size[:, None], ((g * u).sum(axis=1) - m) / size
    low, high = np.zeros(len(u)), np.full(len(u), 1.0)
    for _ in range(40):  # until far enough, or all is at its bound
        short = (normal * surface.within(-high[:, None] * normal, rows)).sum(axis=1) > offset
        high = np.where(short & (high < 1e9), 2 * high, high)
    for _ in range(60):
        middle = (low + high) / 2
        short = (normal * surface.within(-middle[:, None] * normal, rows)).sum(axis=1) > offset
        low, high = np.where(short, middle, low), np.where(short, high, middle)
    return surface.within(-high[:, None] * normal, rows)
