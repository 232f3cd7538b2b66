"""
Why this person, and how sure is the explanation?
=================================================

A model says that someone earns little, and someone asks why. Shapley values share the answer out among the columns,
but on more than a handful of columns they are usually estimated from a sample of coalitions, and an estimate has an
error. This example explains one person of the census table, shows how far a sampled explanation may be off, and puts
SHAP beside it.

The model is scikit-learn's gradient boosting: nothing here needs a network.
"""

# %%
# The model, and the person
# -------------------------
# Boosting takes the table as it is, categories and missing values included. The person is the one of 200 about whom
# the model is least sure.

import matplotlib.pyplot as plt
import numpy as np
import shap
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

from sklearn_xai import SHAPExplainer, ShapleyExplainer
from sklearn_xai.datasets import load_adult
from sklearn_xai.display import AttributionDisplay

X, y = load_adult(return_X_y=True)
X_test, _ = load_adult(return_X_y=True, split="test")

ordinal = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
columns = make_column_transformer((ordinal, make_column_selector(dtype_exclude="number")), remainder="passthrough")
model = make_pipeline(columns, HistGradientBoostingClassifier(max_iter=30, random_state=0)).fit(X, y)

candidates = X_test[:200]
person = candidates.iloc[[np.abs(model.predict_proba(candidates)[:, 1] - 0.5).argmin()]]
print(person.T.to_string(header=False))

# %%
# The exact values, and SHAP's
# ----------------------------
# ``ShapleyExplainer`` enumerates all coalitions where that is affordable, and on this table it is: its values are
# exact for the background rows it has. SHAP's kernel algorithm draws 500 coalitions. Both get the same background.

settings = {"background_size": 50, "random_state": 0}
shapley = ShapleyExplainer(model, **settings).fit(X[:2000])
shap_explainer = SHAPExplainer(model, algorithm="kernel", max_evals=500, **settings).fit(X[:2000])

exact = shapley.explain(person)
peer = shap_explainer.explain(person)
print(f"ours: the gap to f(x) is {exact.completeness_gap[0]:.1e}")
print(f"largest difference of SHAP's values from the exact ones: {np.abs(peer.values - exact.values).max():.3f}")

fig, axes = plt.subplots(2, 1, figsize=(8, 9), sharex=True, layout="constrained")
for ax, explainer, name in zip(
    axes, (shapley, shap_explainer), ("exact Shapley values", "SHAP, 500 coalitions"), strict=True
):
    AttributionDisplay.from_estimator(
        explainer, person, kind="waterfall", max_display=8, target_name="log-odds of >50K", name=name, ax=ax
    )
plt.show()

# %%
# The two tell the same story: the same base value, the same columns in the same order, the same directions. Schooling
# and marriage lift this person from well below even odds to just above them.
#
# What ``explain`` returns is a ``shap.Explanation``, so that SHAP's own plots draw it as well.

fig, ax = plt.subplots(figsize=(10, 5), layout="constrained")
shap.plots.bar(exact[0], max_display=8, ax=ax, show=False)
plt.show()

# %%
# How sure is an estimate?
# ------------------------
# With few coalitions the values are estimates. Each comes with a standard error, which is found from the coalitions
# alone. Here the exact values are at hand, so that it can be seen whether the errors are what they were said to be.

few = ShapleyExplainer(model, algorithm="kernel", n_coalitions=64, **settings).fit(X[:2000]).explain(person)

order = np.argsort(np.abs(exact.values[0]))
places = np.arange(len(order))
fig, ax = plt.subplots(figsize=(8, 5.5), layout="constrained")
ax.errorbar(
    (few.values - exact.values)[0][order],
    places,
    xerr=2 * few.standard_errors[0][order],
    fmt="o",
    capsize=3,
    label="64 coalitions, ± 2 standard errors",
)
ax.plot((peer.values - exact.values)[0][order], places, "kx", label="SHAP, 500 coalitions")
ax.axvline(0, color="0.7", zorder=0)
ax.set_yticks(places, np.asarray(exact.feature_names)[order])
ax.set_xlabel("estimate less exact Shapley value (log-odds of >50K)")
fig.legend(loc="outside upper center", ncols=2)
plt.show()

# %%
# Most of the intervals hold the exact value, as they should; all errors are small beside the values themselves, which
# go up to 0.66. SHAP, from more coalitions, is about as close or closer, but does not say how close.
