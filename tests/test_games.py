"""The closed forms that the Shapley values are tested against are what the definitions say."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from tests.games import closed_forms, shapley_interactions, shapley_values


@pytest.mark.parametrize("game", closed_forms(), ids=lambda game: game.name)
def test_closed_forms(game):
    predict, row = game.model.predict, game.row[0]
    assert_allclose(shapley_values(predict, row, game.background), game.values, atol=1e-12)
    assert_allclose(shapley_interactions(predict, row, game.background), game.pairs, atol=1e-12)
    assert_allclose(game.values.sum(), predict(game.row)[0] - predict(game.background)[0], atol=1e-12)


def test_groups_are_players():
    rng = np.random.RandomState(0)
    row, background = rng.randn(3), rng.randn(4, 3)
    found = shapley_values(lambda X: X @ [1.0, 2.0, 3.0], row, background, members=[[0, 2], [1]])
    added = (row - background.mean(axis=0)) * [1.0, 2.0, 3.0]
    assert_allclose(found, [added[0] + added[2], added[1]], atol=1e-12)
