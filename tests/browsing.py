"""A real browser for tests of pages: Chromium, and axe-core for accessibility. Fixtures of conftest.py.

They need playwright and a Chromium (its path in CHROMIUM, or on the search path), and axe-core's axe.min.js (its path
in AXE_CORE).
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest


def from_environment(name, what):
    """Return the path that an environment variable holds."""
    given = os.environ.get(name)
    if given is None or not Path(given).exists():
        pytest.fail(f"These tests need {what} in {name}. Got {given!r}, where there is nothing.")
    return Path(given).absolute()


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if path is None:
        pytest.fail("These tests need Chromium on the search path (apt install chromium), or its path in CHROMIUM.")
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-quic"]
        chromium = playwright.chromium.launch(executable_path=path, args=arguments)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def axe():
    path = from_environment("AXE_CORE", "the path of axe-core's axe.min.js (npm install axe-core)")
    return path.read_text(encoding="utf-8")
