"""How good a model is, how sure that figure is, and what it costs."""

from __future__ import annotations

from sklearn_xai.model_selection.evaluation._evaluate import evaluate_model
from sklearn_xai.model_selection.evaluation._result import ModelEvaluation

__all__ = ["ModelEvaluation", "evaluate_model"]
