"""
Does the model heed the columns that the explanation names?
===========================================================

If an explanation names the columns that matter most, then taking these away, the most important first, should pull
the output down fast, and putting them into a neutral row should raise it fast. That is a test which needs no ground
truth, only the model. The curve of an order drawn at random shows what removing columns does anyway.

The data are scikit-learn's breast cancer measurements; the model is a support vector machine, so the explainers see
outputs only.
"""

# %%
# The model, and four orders of its columns
# -----------------------------------------

import matplotlib.pyplot as plt
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from sklearn_xai import MutualInformationExplainer, OcclusionExplainer, RandomExplainer, ShapleyExplainer
from sklearn_xai.display import PerturbationCurveDisplay
from sklearn_xai.metrics import deletion_auc, insertion_auc

X, y = load_breast_cancer(return_X_y=True, as_frame=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
model = make_pipeline(StandardScaler(), SVC()).fit(X_train, y_train)
print(f"accuracy on held-out tumours: {model.score(X_test, y_test):.2f}")

settings = {"background_size": 15, "random_state": 0}
explainers = {
    "Shapley values": ShapleyExplainer(model, n_coalitions=128, **settings),
    "occlusion": OcclusionExplainer(model, **settings),
    "mutual information": MutualInformationExplainer(model, random_state=0),
    "random order": RandomExplainer(model, random_state=0),
}
for explainer in explainers.values():
    explainer.fit(X_train)

# %%
# A number for each
# -----------------
# The area under each curve: of a deletion, low is good; of an insertion, high is good.

benign = X_test[model.predict(X_test) == 1][:30]
for name, explainer in explainers.items():
    low, high = (area(explainer, benign, random_state=0) for area in (deletion_auc, insertion_auc))
    print(f"{name:<20} deletion {low:6.2f}   insertion {high:6.2f}")

# %%
# The curves
# ----------

fig, axes = plt.subplots(1, 2, figsize=(13, 4.5), layout="constrained")
for ax, kind in zip(axes, ("deletion", "insertion"), strict=True):
    PerturbationCurveDisplay.from_explainers(
        explainers, benign, kind=kind, random_state=0, target_name="decision function, > 0 is benign", name=kind, ax=ax
    )
plt.show()

# %%
# Both ways, Shapley values and occlusion name the columns that the model heeds, and the bands show that the
# difference to a random order is not chance. Mutual information knows only one order for all tumours and stays
# behind, though it beats chance too. The curves of a deletion turn up at the end, where columns go that speak against
# a benign tumour.
