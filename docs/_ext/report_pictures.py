"""Takes the pictures of the first page anew: ``python docs/first_report.py && python -m docs._ext.report_pictures``.

Needs playwright, and a Chromium (its path in CHROMIUM, or on the search path).
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

DOCS = Path(__file__).parents[1]
PARTS = {"report": ("body", 640), "report_columns": ("#section-columns", 760)}  # where a picture begins, its height


def take(report: Path) -> None:
    """Take a light and a dark picture of each part of a report."""
    from playwright.sync_api import sync_playwright

    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        for scheme, ending in (("light", ""), ("dark", "_dark")):
            page = browser.new_page(viewport={"width": 1200, "height": 900}, color_scheme=scheme)
            page.goto(report.absolute().as_uri())
            for name, (part, height) in PARTS.items():
                box = page.locator(part).bounding_box()
                margin = min(24, box["x"])
                box |= {"x": box["x"] - margin, "y": box["y"] - margin, "width": box["width"] + 2 * margin}
                page.screenshot(path=DOCS / f"{name}{ending}.png", clip=box | {"height": height}, full_page=True)
        browser.close()


if __name__ == "__main__":
    take(Path("report.html"))
