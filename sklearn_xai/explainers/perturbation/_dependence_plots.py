"""Curves of dependence, drawn by scikit-learn's display."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import Bunch, ClassifierTags, RegressorTags
from sklearn.utils.validation import check_is_fitted

from sklearn_xai._typing import Target
from sklearn_xai.base.targets import resolve_target

if TYPE_CHECKING:
    from sklearn.inspection import PartialDependenceDisplay


class DependencePlots:
    """Mixin: an explainer that holds curves is drawn, and takes its estimator's place in scikit-learn's display."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        if self.__sklearn_is_fitted__():  # it predicts then, and is plotted in the place of its estimator
            kind = "classifier" if self._model.classifier else "regressor"
            tags.estimator_type = kind
            tags.classifier_tags = ClassifierTags() if kind == "classifier" else None
            tags.regressor_tags = RegressorTags() if kind == "regressor" else None
        return tags

    def plot_dependence(
        self: Any,
        features: Sequence[str | int] | None = None,
        *,
        target: Target | None = None,
        ax: Any = None,
        n_cols: int = 3,
    ) -> PartialDependenceDisplay:
        """Draw the curves that ``fit`` has evaluated; the model is not asked again.

        Parameters
        ----------
        features : list of str or int, default=None
            Names or numbers of players. None draws all that have a curve.
        target : label or int, default=None
            The output, where several are explained.
        ax : matplotlib axes or array of axes, default=None
        n_cols : int, default=3
            Columns of the grid of plots.

        Returns
        -------
        display : sklearn.inspection.PartialDependenceDisplay

        Raises
        ------
        ValueError
            When a feature has no curve, or several outputs are explained and none is named.
        """
        from sklearn.inspection import PartialDependenceDisplay

        check_is_fitted(self)
        players = self._drawn(features)
        drawn = [self._drawable(player) for player in players]
        display = PartialDependenceDisplay(
            [Bunch(grid_values=[points], average=values) for points, values, _ in drawn],
            features=[(player,) for player in players],
            feature_names=[str(name) for name in self.player_names_],
            target_idx=self._drawn_output(target),
            deciles={p: self._deciles[p] for p, part in zip(players, drawn, strict=True) if not part[2]},
            is_categorical=[(category,) for *_, category in drawn],
        ).plot(ax=ax, n_cols=n_cols)
        for axes in display.axes_.ravel():
            if self.kind == "ale" and axes is not None and axes.get_ylabel():
                axes.set_ylabel("Accumulated local effects")
        return display

    def _drawn(self, features):
        if features is None:
            return [player for player, curve in enumerate(self._curves) if curve is not None]
        position = {name: player for player, name in enumerate(self.player_names_)}
        players = [position.get(feature, feature) for feature in features]
        for feature, player in zip(features, players, strict=True):
            known = isinstance(player, Integral) and 0 <= player < self.n_players_
            if not known or self._curves[player] is None:
                raise ValueError(
                    f"The 'features' parameter of PartialDependenceExplainer.plot_dependence has {feature!r}, of which "
                    "there is no curve. Curves are those of single columns, with grid_resolution a number."
                )
        return players

    def _drawn_output(self, target):
        if len(self._kept_outputs) == 1:
            return 0
        index = None if target is None else resolve_target(self._model, target, "plot_dependence")
        if not isinstance(index, Integral):
            raise ValueError(
                "The 'target' parameter of PartialDependenceExplainer.plot_dependence must name one output, as "
                f"{len(self._kept_outputs)} are explained. Got {target!r}."
            )
        return index

    def _drawable(self, player):
        """Return the points of a curve, as numbers or as text, its values, and whether it is a category."""
        points, values = self.grid_values_[player], self.pd_values_[player]
        if self._codes.is_category[self._members[player][0]]:
            return np.array([str(point) for point in points], dtype=object), values, True
        n = len(self._curves[player].positions)  # not what is missing, which has no place on the axis
        return self._curves[player].positions, values[:, :n], False
