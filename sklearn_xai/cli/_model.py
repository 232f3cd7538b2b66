"""The model that the command line explains: a network it trains, or one that it is given."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from skorch import NeuralNetClassifier, NeuralNetRegressor
from skorch.callbacks import Callback

from sklearn_xai.cli._table import UserError, first_line, missing_column

HIDDEN = 64
DROPOUT = 0.1
UPDATES = 500  # steps of the optimizer that a training takes at least, unless --epochs says otherwise
_PICKLES = (".pkl", ".pickle", ".joblib")
_MOST_CATEGORIES = 100


class MultiLayerPerceptron(torch.nn.Module):
    """A network with two hidden layers, whose output is in the units of the target.

    Parameters
    ----------
    n_inputs, n_outputs : int
    shift, scale : float
        What the output is multiplied by and added to.
    """

    def __init__(self, n_inputs=1, n_outputs=1, *, shift=0.0, scale=1.0):
        super().__init__()
        self.shift, self.scale = shift, scale
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(n_inputs, HIDDEN),
            torch.nn.ReLU(),
            torch.nn.Dropout(DROPOUT),
            torch.nn.Linear(HIDDEN, HIDDEN),
            torch.nn.ReLU(),
            torch.nn.Dropout(DROPOUT),
            torch.nn.Linear(HIDDEN, n_outputs),
        )

    def forward(self, X):
        """Return the outputs, shape (n_rows, n_outputs)."""
        return self.layers(X) * self.scale + self.shift


class ScaledSquaredError(torch.nn.Module):
    """The mean squared error in units of the target's own spread."""

    def __init__(self, scale=1.0):
        super().__init__()
        self.scale = scale

    def forward(self, prediction, target):
        """Return the loss of a batch."""
        return (((prediction - target) / self.scale) ** 2).mean()


class Batches:
    """Shuffled batches, cut from the arrays of a dataset at once instead of row by row.

    Parameters
    ----------
    dataset : skorch.dataset.Dataset
    batch_size : int
    """

    def __init__(self, dataset, batch_size):
        self.X, self.y = torch.as_tensor(dataset.X), torch.as_tensor(dataset.y)
        self.batch_size = batch_size

    def __len__(self):
        return -(-len(self.X) // self.batch_size)

    def __iter__(self):
        for rows in torch.randperm(len(self.X)).split(self.batch_size):
            yield self.X[rows], self.y[rows]


class SizeSetter(Callback):
    """Fits the size and the units of the network to the data when a training begins."""

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        """Set the module's parameters."""
        net.set_params(module__n_inputs=X.shape[1])
        if np.asarray(y).dtype.kind == "f":
            scale = float(np.std(y)) or 1.0
            net.set_params(module__shift=float(np.mean(y)), module__scale=scale, criterion__scale=scale)
        else:
            net.set_params(module__n_outputs=int(np.max(y)) + 1)


# ---------------------------------------------------------------------- a network of our own
def build_pipeline(X, task, epochs, batch_size):
    """Return an untrained network behind the preprocessing of mixed columns, in one Pipeline."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import Pipeline, make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numeric = [name for name in X.columns if X[name].dtype.kind in "iuf"]
    categorical = [name for name in X.columns if name not in numeric]
    numbers = make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler())
    words = make_pipeline(
        SimpleImputer(strategy="constant", fill_value="missing", keep_empty_features=True),
        OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=_MOST_CATEGORIES, sparse_output=False),
    )
    columns = ColumnTransformer([("numeric", numbers, numeric), ("categorical", words, categorical)])
    return Pipeline([("columns", columns), ("net", _build_net(task, epochs, batch_size))])


def _build_net(task, epochs, batch_size):
    classification = task == "classification"
    kind = NeuralNetClassifier if classification else NeuralNetRegressor
    return kind(
        MultiLayerPerceptron,
        criterion=torch.nn.CrossEntropyLoss if classification else ScaledSquaredError,
        optimizer=torch.optim.Adam,
        lr=2e-3,
        max_epochs=epochs,
        batch_size=batch_size,
        iterator_train=Batches,
        train_split=None,
        callbacks=[SizeSetter()],
        verbose=0,
    )


def training_schedule(n_rows, epochs):
    """Return (epochs, rows of a batch): enough steps also on a small table."""
    batch_size = int(np.clip(n_rows // 20, 16, 256))
    if epochs is None:
        epochs = int(np.clip(np.ceil(UPDATES * batch_size / n_rows), 8, 100))
    return epochs, batch_size


# ---------------------------------------------------------------------- a model from a file
def load_model(path, *, trust=(), trust_pickle=False):
    """Load a fitted model.

    Parameters
    ----------
    path : str
    trust : sequence of str
        Types that a skops file may hold besides those that skops knows.
    trust_pickle : bool
        Whether a pickle may be loaded, which runs whatever code it holds.

    Raises
    ------
    UserError
        When the file cannot be read, or holds what is not trusted.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"there is no model file {path}")
    if path.suffix == ".skops":
        model = _load_skops(path, trust)
    elif path.suffix in _PICKLES:
        model = _load_pickle(path, trust_pickle)
    else:
        raise UserError(f"the model {path} must be a .skops file, or one of {', '.join(_PICKLES)}")
    if not hasattr(model, "predict"):
        raise UserError(f"the model {path} must be a fitted estimator with predict; it holds a {type(model).__name__}")
    return model


def _load_skops(path, trust):
    try:
        from skops.io import get_untrusted_types, load
    except ImportError:
        raise UserError("loading a .skops model needs skops: pip install sklearn-xai[skops]") from None
    try:
        unknown = get_untrusted_types(file=path)
    except Exception as error:  # a broken archive raises what its reader likes
        raise UserError(f"the model {path} cannot be read: {first_line(error)}") from None
    refused = sorted(set(unknown) - set(trust))
    if refused:
        raise UserError(
            f"the model {path} holds types that skops does not know; if you trust them, name each with --trust: "
            + ", ".join(refused)
        )
    try:
        return load(path, trusted=unknown)
    except Exception as error:
        raise UserError(f"the model {path} cannot be read: {first_line(error)}") from None


def _load_pickle(path, trusted):
    if not trusted:
        raise UserError(
            f"loading the pickle {path} runs whatever code it holds: give --trust-pickle if you trust its author"
        )
    import joblib

    try:
        return joblib.load(path)
    except Exception as error:  # whatever its code raises; a KeyError, say, is nothing without its name
        raise UserError(f"the model {path} cannot be read: {type(error).__name__}: {first_line(error)}") from None


def model_columns(model, X, name):
    """Return the columns of a table that a model was fitted on, in its order; all when it does not say."""
    expected = getattr(model, "feature_names_in_", None)
    if expected is None:
        return X
    for column in expected:
        if column not in X.columns:
            raise missing_column(", which the model was fitted on", column, X.columns, name)
    return X[list(expected)]


# ---------------------------------------------------------------------- how good it is
def measure_model(explainer, X, y, task) -> dict[str, float]:
    """Return the measures of a fitted explainer's model on test rows."""
    from sklearn import metrics

    predicted = explainer.predict(X)
    if task == "regression":
        return {
            "r2": float(metrics.r2_score(y, predicted)),
            "mae": float(metrics.mean_absolute_error(y, predicted)),
            "rmse": float(np.sqrt(metrics.mean_squared_error(y, predicted))),
        }
    classes = explainer.classes_
    two = len(classes) == 2
    how = {"average": "binary", "pos_label": classes[1]} if two else {"average": "macro", "labels": classes}
    return {
        "accuracy": float(metrics.accuracy_score(y, predicted)),
        "precision": float(metrics.precision_score(y, predicted, zero_division=0, **how)),
        "recall": float(metrics.recall_score(y, predicted, zero_division=0, **how)),
        "f1": float(metrics.f1_score(y, predicted, zero_division=0, **how)),
        "roc_auc": _roc_auc(explainer, X, y),
    }


def _roc_auc(explainer, X, y) -> float:
    """Return the area under the curve, the mean over classes (one against the rest) when there are more than two."""
    from sklearn.metrics import roc_auc_score

    classes = list(explainer.classes_)
    if len(set(y.tolist())) < len(classes):
        return float("nan")  # undefined where a class has no test row
    scores = explainer.predict_proba(X) if hasattr(explainer, "predict_proba") else explainer.decision_function(X)
    if len(classes) == 2:
        return float(roc_auc_score(y == classes[1], scores[:, 1] if scores.ndim == 2 else scores))
    areas = [roc_auc_score(y == label, scores[:, k]) for k, label in enumerate(classes)]
    return float(np.mean(areas))


def check_labels(explainer, table):
    """Raise when a given model does not know the classes of the target column."""
    unknown = sorted({str(label) for label in set(table.y.tolist()) - set(explainer.classes_.tolist())})
    if unknown:
        raise UserError(
            f"the column {table.target!r} of {table.name} holds {', '.join(unknown[:5])}, but the model knows the "
            f"classes {', '.join(str(label) for label in explainer.classes_[:5])}"
        )
