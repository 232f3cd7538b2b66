"""What is inside a network, and what becomes of explanations when it changes."""

from __future__ import annotations

from sklearn_xai.network._layer_names import layer_names
from sklearn_xai.network.activation_maximisation import maximise_activation, top_rows
from sklearn_xai.network.activations import LayerActivations
from sklearn_xai.network.concept_vectors import ConceptActivationVectors
from sklearn_xai.network.dissection import NetworkDissection
from sklearn_xai.network.embedding_similarity import EmbeddingSimilarity
from sklearn_xai.network.randomisation import layer_randomisation, randomisable_layers
from sklearn_xai.network.training import (
    ActivationRecorder,
    AttributionRecorder,
    ParameterRecorder,
    TensorBoardExplanations,
    TrainingRecords,
    read_records,
)
from sklearn_xai.network.word_vectors import read_word_vectors

__all__ = [
    "ActivationRecorder",
    "AttributionRecorder",
    "ConceptActivationVectors",
    "EmbeddingSimilarity",
    "LayerActivations",
    "NetworkDissection",
    "ParameterRecorder",
    "TensorBoardExplanations",
    "TrainingRecords",
    "layer_names",
    "layer_randomisation",
    "maximise_activation",
    "randomisable_layers",
    "read_records",
    "read_word_vectors",
    "top_rows",
]
