"""
By which rules does a forest decide?
====================================

A random forest of two hundred trees is not read by anyone. A surrogate imitates it by something that is: a small
decision tree, or a short list of rules. How well it does so is its fidelity, and it should be asked for before the
rules are believed.

The data are 178 wines from three growers, and the forest is scikit-learn's.
"""

# %%
# The forest
# ----------

import matplotlib.pyplot as plt
from sklearn.datasets import load_wine
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split

from sklearn_xai import RuleSurrogateExplainer, TreeSurrogateExplainer
from sklearn_xai.display import AttributionDisplay

X, y = load_wine(return_X_y=True, as_frame=True)
y = y.map({0: "first grower", 1: "second grower", 2: "third grower"})
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)

forest = RandomForestClassifier(200, min_samples_leaf=3, random_state=0).fit(X_train, y_train)
print(f"accuracy on held-out wines: {forest.score(X_test, y_test):.2f}")

# %%
# A short list of rules
# ---------------------
# What makes a wine one of the first grower's? The list is read from the top; the first rule that fits decides.

settings = {"target": "first grower", "output": "proba", "random_state": 0}
rules = RuleSurrogateExplainer(forest, max_rules=3, max_conditions=2, **settings).fit(X)
print(rules.rules_text_)
print(f"fidelity (R2 on held-out wines): {rules.fidelity_:.2f}")

# %%
# How deep must a tree be?
# ------------------------
# The fidelity of trees of several depths answers that: it is the R2 with which the tree says what the forest says, on
# wines that the tree was not fitted to.

depths = [1, 2, 3, 4, 5]
trees = [TreeSurrogateExplainer(forest, max_depth=depth, min_fidelity=None, **settings).fit(X) for depth in depths]

fig, axes = plt.subplots(1, 2, figsize=(13, 4), layout="constrained")
axes[0].plot(depths, [tree.fidelity_ for tree in trees], marker="o")
axes[0].axhline(rules.fidelity_, color="0.5", linestyle="--", label="list of three rules")
axes[0].legend(loc="lower right")
axes[0].set(xlabel="depth of the tree", ylabel="fidelity (R2 on held-out wines)", xticks=depths, ylim=(0, 1.02))
AttributionDisplay.from_estimator(
    trees[1],
    X_test,
    kind="bar",
    max_display=4,
    target_name="probability of the first grower",
    name="tree of depth 2",
    ax=axes[1],
)
plt.show()

# %%
# Two questions are enough for most of it: beyond a depth of two, the tree gains nothing. The list of rules comes
# closer to the forest than the trees do, with thresholds on alcohol and proline that one could tell a colleague. A
# tree of depth 2 hardly asks more than proline, but that is one way to imitate the forest, not the only one: the list
# does it with other columns.
