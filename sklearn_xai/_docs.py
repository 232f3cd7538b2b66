"""Parameter descriptions that all explainers share, written once; where the documentation of a class is."""

from __future__ import annotations

import os
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

SHARED = {
    "estimator": """estimator : skorch net, torch.nn.Module, estimator or Pipeline
        The model to explain. Trained by ``fit(X, y)``, explained as it stands by ``fit(X)``.""",
    "shared": """target : "auto", "all", label or int, default="auto"
        The explained output. "auto": the output of a regressor ("all" of several), the positive one of two classes, the
        predicted one of many. A label of ``classes_`` for a classifier, an index for other outputs. "all": every output
        in turn.
    output : {"auto", "raw", "proba", "entropy", "aleatoric", "epistemic"}, default="auto"
        "raw": what comes before the final softmax or sigmoid (logits); for other estimators the decision function, else
        the log-odds, else the prediction. "proba": the probability. "auto" is "raw", and a plain module's own output.
        "entropy": how unsure a classifier is, the entropy of its probabilities in nats, one number a row (``target``
        is then "auto"). "aleatoric", "epistemic": its parts, of a ``PredictiveDistribution`` only.
    feature_groups : dict of str to list of column names or indices, "correlated", int, array or None, default=None
        Columns that are explained as one. Columns named in no group stay on their own. "correlated" finds groups in the
        rows given to ``fit``: columns whose association (absolute Spearman correlation of numbers, correlation ratio,
        Cramer's V of categories) is at least 0.5 on average over pairs of two groups that are joined. For images, the
        side of squares in pixels, or the label of each pixel (height, width), such as superpixels; ``transform`` then
        gives (n_samples, n_regions).
    batch_size : int, default=None
        Rows given to the model at once. None fits the work into the processor's cache.
    random_state : int, RandomState instance or None, default=None
        Seeds the training of the clone and every draw; all draws are made in ``fit``.
    verbose : int, default=0
        Shows progress when positive.""",
    "site": """layer : str, (str, "input") or None, default=None
        Name of a sub-module, as ``named_modules`` gives it: its output (or input) is attributed to, and ``transform``
        gives (n_samples, n_units). None attributes to the columns of X. Tokens are attributed to at the embedding.
    channels : {"keep", "sum"}, default="keep"
        Whether images (n_samples, n_channels, height, width) have an attribution for each channel, or the sums over
        channels, (n_samples, 1, height, width).""",
    "background": """background_size : int, default=100
        Number of background rows.
    background_sampling : {"random", "kmeans", "stratified"}, default="random"
        How they are chosen from the rows given to ``fit``: at random; from k-means clusters of the rows, or from strata
        of the explained output, as many from each as its share of the rows. On the census table, the
        Shapley values of 100 rows chosen in either way were a quarter to a third nearer to those of all rows than at
        random, the base values of strata three quarters.""",
    "removal": """removal : {"marginal", "baseline", "conditional"}, default="marginal"
        What a removed column is replaced by. "marginal": its values in all background rows, averaged over.
        "baseline": its median, or most frequent value. "conditional": its values in the background rows that are
        nearest to the row in the columns that are kept, so that correlated columns are not split; 16 of 100 rows, whose
        mean misses that of correlated Gaussian columns and a linear model by 0.2 standard deviations of the output
        (63 of 1,000 rows: by 0.1).""",
    "fidelity": """min_fidelity : float, default=0.7
        Warns when ``fidelity_`` is lower. None never warns.""",
    "attributes": """estimator_ : estimator
        The fitted estimator that is explained. Predict by the explainer, not by it: a skorch net trained on labels
        was given their indices.
    background_ : DataFrame or ndarray of shape (n_background, n_features)
        Background rows, over which ``feature_importances_`` is taken.
    player_names_ : ndarray of shape (n_players,) of str
        What is attributed to: the columns of X or the groups of them.
    feature_importances_ : ndarray of shape (n_players,)
        Mean absolute attribution over the background rows, in the units of the explained output.
    n_features_in_ : int
        Number of columns seen in ``fit``.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns, where X has names.""",
}


def fill_docstring(cls):
    """Replace ``%(name)s`` in a class's own docstring by the shared text."""
    text = cls.__dict__.get("__doc__")
    if text:
        for name, shared in SHARED.items():
            text = text.replace(f"%({name})s", shared)
        cls.__doc__ = text


BUILT = Path(__file__).absolute().parents[1] / "docs" / "_build" / "html"  # where a checkout's documentation is built


class Documented:
    """Mixin of public estimators, left of ``BaseEstimator``: their HTML repr links to their page of the reference."""

    def _get_doc_link(self):
        """Return the address of the page, as scikit-learn asks for it; "" where there is none."""
        documentation, page = documentation_address(), public_address(type(self))
        return f"{documentation}/reference/{page}.html" if documentation and page else ""


def public_address(kind):
    """Return where a class is imported from, which is also what its page is called; "" of what is not public."""
    if kind.__module__.startswith("sklearn_xai."):
        for room in ("sklearn_xai", ".".join(kind.__module__.split(".")[:2])):
            if getattr(sys.modules[room], kind.__name__, None) is kind:
                return f"{room}.{kind.__name__}"
    return ""


def documentation_address():
    """Return where the documentation is, "" if that is not known.

    It is what the environment variable SKLEARN_XAI_DOCS says, an address or a folder that the documentation was built
    into, else what the installed distribution declares, else what was built in the checkout that the package is in.
    """
    given = os.environ.get("SKLEARN_XAI_DOCS", "")
    if given and "://" not in given:
        given = Path(given).absolute().as_uri()
    return (given or _declared_address() or _built_beside()).rstrip("/")


@cache
def _declared_address():
    try:
        declared = metadata("sklearn-xai").get_all("Project-URL") or []
    except PackageNotFoundError:  # run from its sources
        return ""
    addresses = dict(line.split(", ", 1) for line in declared)
    return addresses.get("Documentation", "")


def _built_beside():
    return BUILT.as_uri() if (BUILT / "index.html").exists() else ""
