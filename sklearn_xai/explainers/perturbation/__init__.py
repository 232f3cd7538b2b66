"""What the model says when columns are changed: occlusion, permutation, partial dependence."""

from __future__ import annotations

__all__: list[str] = []
