"""What happens inside a network while it is trained: callbacks of skorch that record it, and change nothing."""

from __future__ import annotations

from sklearn_xai.network.training.activation_recorder import ActivationRecorder
from sklearn_xai.network.training.attribution_recorder import AttributionRecorder
from sklearn_xai.network.training.parameter_recorder import ParameterRecorder
from sklearn_xai.network.training.records import TrainingRecords, read_records
from sklearn_xai.network.training.tensorboard_explanations import TensorBoardExplanations

__all__ = [
    "ActivationRecorder",
    "AttributionRecorder",
    "ParameterRecorder",
    "TensorBoardExplanations",
    "TrainingRecords",
    "read_records",
]
