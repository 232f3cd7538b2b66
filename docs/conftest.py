"""What pytest leaves alone here: Sphinx's files, which need Sphinx, and what it makes."""

from __future__ import annotations

collect_ignore = ["conf.py", "first_report.py", "_ext", "examples", "_build", "gallery", "reference"]
