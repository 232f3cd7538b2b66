"""The report: one HTML file that says how good a model is, what it heeds, and how far that can be believed."""

from __future__ import annotations

from sklearn_xai.report.report import ExplanationReport

__all__ = ["ExplanationReport"]
