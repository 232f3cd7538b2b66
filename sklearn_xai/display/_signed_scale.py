"""The colours of signed attributions: one scale, the same to both sides of zero, for all parts of a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sklearn_xai.display._common import NEGATIVE, POSITIVE
from sklearn_xai.display._heatmap import ink_on

if TYPE_CHECKING:
    from matplotlib.colors import Colormap

QUANTILE = 0.99


@dataclass(frozen=True)
class SignedScale:
    """Colours from -`limit` (blue) over 0 (white) to `limit` (red).

    Parameters
    ----------
    limit : float
        The absolute attribution from which on the colour is full.
    largest : float
        The largest absolute attribution, which may lie above `limit`.
    """

    limit: float
    largest: float

    @classmethod
    def of(cls, values: np.ndarray) -> SignedScale:
        """Return the scale of all `values` of a picture.

        Its limit is the smallest absolute value that 99 % of them do not exceed, so that a few extreme ones do not take
        the colour from all others. Of fewer than 100 values that is the largest, as it is where nearly all are 0.
        """
        size = np.abs(values).ravel()
        largest = float(size.max(initial=0.0))
        limit = float(np.quantile(size, QUANTILE, method="higher")) if size.size else 0.0
        return cls(limit or largest or 1.0, largest)

    @property
    def extend(self) -> str:
        """Which ends of a colour bar get an arrow, because values lie beyond them."""
        return "both" if self.largest > self.limit * 1.001 else "neither"

    def background(self, value: float) -> str:
        """Return the colour of a value, as "#rrggbb"."""
        full = POSITIVE if value > 0 else NEGATIVE
        share = min(1.0, abs(value) / self.limit)
        return "#" + "".join(f"{round(255 + share * (part - 255)):02x}" for part in _channels(full))

    def ink(self, value: float) -> str:
        """Return black or white, whichever reads better on the colour of a value (contrast at least 4.5)."""
        return ink_on([part / 255 for part in _channels(self.background(value))])


def signed_colormap(*, transparent: bool = False) -> Colormap:
    """Return the colours of a SignedScale for matplotlib; `transparent` lets through what lies below instead of white.

    Over white, both look the same.
    """
    from matplotlib.colors import ListedColormap

    share = np.linspace(-1, 1, 511)
    full = np.where(share[:, None] > 0, _channels(POSITIVE), _channels(NEGATIVE)) / 255.0
    opacity = np.abs(share)[:, None]
    colors = np.hstack([full, opacity]) if transparent else 1 - opacity * (1 - full)
    return ListedColormap(colors, name="signed_attribution")


def _channels(color: str) -> list[int]:
    return [int(color[i : i + 2], 16) for i in (1, 3, 5)]
