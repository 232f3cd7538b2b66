"""What the output of a model says: how sure it is, where it changes its mind, how good it is."""

from __future__ import annotations

__all__: list[str] = []
