"""The report on a model and its explanations."""

from __future__ import annotations

import inspect
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from sklearn_xai._typing import Groups, Output, Rows, Seed, Splits, Target
from sklearn_xai.report._columns import columns, stability
from sklearn_xai.report._content import Content, Section
from sklearn_xai.report._inputs import Inputs, check
from sklearn_xai.report._inside import inside
from sklearn_xai.report._judgement import agreement, faithfulness
from sklearn_xai.report._made import made
from sklearn_xai.report._quality import quality
from sklearn_xai.report._rows import rows as single_rows
from sklearn_xai.report._rules import fit_rules, rules
from sklearn_xai.report._summary import cautions, tiles
from sklearn_xai.report._words import counted, text_of
from sklearn_xai.report._work import Found, find, told

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.utils import Bunch

    from sklearn_xai.model_selection import ModelEvaluation


class ExplanationReport:
    """How good is this model, what does it heed, and how far can that be believed? One HTML file answers.

    The model is trained in each fold and judged on the rows it has not seen, explained there by each explainer, and
    trained once more on all rows, of which single ones are explained. What is found is compared: folds with each other,
    explainers with SHAP and with random numbers, rules with the model.

    Parameters
    ----------
    estimator : classifier, regressor, skorch net, torch.nn.Module, or Pipeline that ends in one
        Clones of it are trained, also where it is fitted. A FrozenEstimator or a torch module is explained as it
        stands, with the training rows of the folds as backgrounds.
    X : DataFrame or array-like of shape (n_samples, n_features), or images (n_samples, n_channels, height, width)
        The rows that the folds share out.
    y : array-like of shape (n_samples,)
        What is predicted.
    explainers : dict of str to explainer, list of str, or None, default=None
        None takes those that suit the model, always with SHAP, and with random numbers as a control. Names are those
        of classes ("IntegratedGradients"). The estimators of explainers that are given are replaced by the trained
        ones; the first is behind the pictures of rows, and a control is added where there is none.
    cv : int, cross-validation generator or iterable, default=3
        As in :func:`sklearn.model_selection.cross_validate`, at least 2 folds.
    X_eval : table like `X`, default=None
        The rows to explain. None explains rows of `X`.
    y_eval : array-like of shape (n_eval,), default=None
        What is right for the rows of `X_eval`; shown beside the predictions.
    rows : int or list of int, default=None
        Positions in `X_eval` (or `X`) of the rows that are shown one by one. None takes 40 that are spread over all
        outputs.
    output : {"auto", "raw", "proba", "entropy", "aleatoric", "epistemic"}, default="auto"
        What is explained, as of all explainers.
    target : str, label or int, default="auto"
        Which output is explained, as of all explainers, but for "all".
    max_rows : int or None, default=None
        Of more rows to explain a sample is taken. None is 250 rows of a table, 30 images.
    concepts : array, DataFrame, dict or callable, default=None
        Of images: where in `X` are concepts, as :class:`~sklearn_xai.NetworkDissection` takes them.
    feature_groups : dict, "correlated", int or array, default=None
        Columns that are explained as one, as of all explainers.
    title : str, default=None
        None names the model and what it predicts.
    random_state : int, RandomState instance or None, default=None
        Seeds the trainings, the explainers, the choice of rows and the intervals.
    n_jobs : int or None, default=None
        Number of folds at the same time.
    verbose : int or bool, default=0
        Whether to show progress.

    Attributes
    ----------
    content_ : Content
        What the page says: tiles, cautions and sections.
    comparison_ : DataFrame
        The explainers side by side, as :func:`~sklearn_xai.model_selection.compare_explainers` gives them.
    evaluation_ : ModelEvaluation
        The model's quality, as :func:`~sklearn_xai.model_selection.evaluate_model` gives it.
    stability_ : Bunch
        Of the main explainer, as :func:`~sklearn_xai.model_selection.explanation_stability` gives it.
    explainers_ : dict of str to fitted explainer
        Around the model that was trained on all rows.
    explanations_ : dict of str to shap.Explanation
        Of the rows that are shown, by each explainer but the control.
    rows_ : ndarray of shape (n_shown,)
        The positions of these rows.
    warnings_ : list of str
        What was warned of while computing.

    Raises
    ------
    TypeError, ValueError
        By ``compute``, where the model, the table or a parameter is not as described.

    See Also
    --------
    sklearn_xai.model_selection.compare_explainers : The comparison alone.
    sklearn_xai.model_selection.evaluate_model : The quality of the model alone.

    Notes
    -----
    Intervals of 95 % are percentile bootstraps over folds and rows. The folds share training rows, so that they tell
    too little of how other data would differ.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn_xai.report import ExplanationReport
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> model = LogisticRegression(max_iter=500)
    >>> report = ExplanationReport(model, X, y, explainers=["SHAP"], max_rows=20, random_state=0)
    >>> report.compute().content_.sections[0].key
    'quality'
    """

    def __init__(
        self,
        estimator: Any,
        X: Rows,
        y: ArrayLike,
        *,
        explainers: Any = None,
        cv: Splits = 3,
        X_eval: Rows | None = None,
        y_eval: ArrayLike | None = None,
        rows: Any = None,
        output: Output = "auto",
        target: Target = "auto",
        max_rows: int | None = None,
        concepts: Any = None,
        feature_groups: Groups = None,
        title: str | None = None,
        random_state: Seed = None,
        n_jobs: int | None = None,
        verbose: int | bool = 0,
    ) -> None:
        self.estimator = estimator
        self.X = X
        self.y = y
        self.explainers = explainers
        self.cv = cv
        self.X_eval = X_eval
        self.y_eval = y_eval
        self.rows = rows
        self.output = output
        self.target = target
        self.max_rows = max_rows
        self.concepts = concepts
        self.feature_groups = feature_groups
        self.title = title
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    content_: Content
    comparison_: pd.DataFrame
    evaluation_: ModelEvaluation
    stability_: Bunch

    @classmethod
    def defaults(cls) -> dict[str, Any]:
        """Return the keyword parameters and their defaults.

        Returns
        -------
        defaults : dict of str to object
        """
        parameters = inspect.signature(cls.__init__).parameters.values()
        return {p.name: p.default for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY}

    def compute(self) -> ExplanationReport:
        """Do the work, once: another call returns what is there.

        Returns
        -------
        self : ExplanationReport
        """
        if hasattr(self, "content_"):
            return self
        with told() as warned:
            found = find(check(self))
        found.warnings = warned
        with told() as late:
            content = _content(found, self)
        found.warnings += [line for line in late if line not in found.warnings]
        self.comparison_, self.evaluation_, self.stability_ = found.comparison, found.evaluation, found.stability
        self.explainers_, self.explanations_ = found.fitted, found.explanations
        self.rows_, self.warnings_ = found.shown, found.warnings
        self.content_ = content
        return self

    def to_html(self) -> str:
        """Return the report as one HTML page that needs nothing else, computed where it is not yet.

        Returns
        -------
        html : str
        """
        from sklearn_xai.report._page import render

        return render(self.compute().content_)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the page to a file, whole or not at all.

        Parameters
        ----------
        path : str or path
            A file that is there is replaced.

        Returns
        -------
        path : Path
            Where it is.

        Raises
        ------
        FileNotFoundError, IsADirectoryError
            Where there is no such folder, or the path is one. Nothing is computed then.
        """
        path = Path(path)
        if path.is_dir():
            raise IsADirectoryError(
                f"ExplanationReport.save: {path} is a folder; name a file in it, such as report.html."
            )
        if not path.absolute().parent.is_dir():
            raise FileNotFoundError(f"ExplanationReport.save: there is no folder {path.parent}; make it first.")
        html = self.to_html()
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}-", suffix=".tmp", dir=path.absolute().parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(html)
            os.chmod(temporary, 0o666 & ~_umask())
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
        return path

    def _repr_html_(self) -> str:
        """Return a frame with the page, for notebooks; what is not computed yet says so."""
        if not hasattr(self, "content_"):
            return "<p>An ExplanationReport that is not computed yet: call <code>compute()</code>.</p>"
        from sklearn_xai.report._page import notebook_frame

        return notebook_frame(self.to_html())

    def __repr__(self) -> str:
        """Return what was found, in a few lines."""
        name = type(self.estimator).__name__
        if not hasattr(self, "content_"):
            return f"ExplanationReport({name}), not computed yet"
        lines = [f"ExplanationReport({name})"]
        lines += [f"  {tile.label}: {tile.value} ({tile.note})" for tile in self.content_.tiles]
        lines += [f"  caution: {caution.text}" for caution in self.content_.cautions]
        return "\n".join(lines)


def _umask() -> int:
    before = os.umask(0)
    os.umask(before)
    return before


def _content(found: Found, report: ExplanationReport) -> Content:
    sections: list[Section | None] = [quality(found), columns(found), stability(found), agreement(found)]
    sections += [faithfulness(found), single_rows(found)]
    surrogates: dict[str, Any] = {}
    if found.given.inputs == "table":
        surrogates = fit_rules(found)
        sections.append(rules(found, surrogates) if surrogates else None)
    elif found.given.network:
        sections.append(inside(found))
    sections.append(made(found, report))
    kept = [section for section in sections if section is not None]
    told = cautions(found, surrogates)
    return Content(_title(found.given), _subtitle(found), tiles(found), told, kept)


def _title(given: Inputs) -> str:
    if given.title is not None:
        return str(given.title)
    return "Explanation report" if given.target_name is None else f"Explanation report: {text_of(given.target_name)}"


def _subtitle(found: Found) -> str:
    given, evaluation = found.given, found.evaluation
    of = "" if given.target_name is None else f" of {text_of(given.target_name)}"
    what = "images" if given.inputs == "image" else counted(len(found.features), "column")
    if given.inputs == "table" and given.settings["feature_groups"] is not None:
        what = f"{counted(len(found.features), 'group')} of columns"
    how = f"in {len(given.splits)} folds" if given.trains else f"as it stands, in {len(given.splits)} folds"
    return f"{evaluation.name}: {evaluation.task}{of} from {what}; {counted(len(given.y), 'row')} {how}"
