"""How Sphinx builds the documentation: ``python -m sphinx -W --keep-going -b html docs docs/_build/html``."""

from __future__ import annotations

import re
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))  # for docs._ext, whatever folder Sphinx is called from

from sklearn_xai import __version__  # noqa: E402

project = "sklearn_xai"
author = copyright = "the sklearn_xai developers"
version = release = __version__

extensions = [
    "sphinx.ext.autodoc",
    "numpydoc",
    "myst_parser",
    "sphinx_design",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
    "docs._ext.mathml",
    "docs._ext.reference",
    "docs._ext.entries",
    "docs._ext.validation",
]
exclude_patterns = ["_build", "examples", "study/*"]

# Markdown: equations between dollars, links to headings, ::: for directives
myst_enable_extensions = ["dollarmath", "colon_fence", "deflist"]
myst_heading_anchors = 3

# docstrings
toc_object_entries_show_parents = "hide"
autodoc_typehints = "none"  # numpydoc's "Parameters" say more
numpydoc_show_class_members = False  # docs._ext.reference lists the methods

# gallery: every example runs when the documentation is built; `-D plot_gallery=0` leaves that out
sphinx_gallery_conf = {
    "examples_dirs": ["examples"],
    "gallery_dirs": ["gallery"],
    "filename_pattern": r"/plot_",
    "abort_on_example_error": True,
    "doc_module": ("sklearn_xai",),
    "backreferences_dir": "reference/backreferences",
    "reset_modules": ("matplotlib", "docs._ext.gallery.reset"),
    "image_scrapers": ("matplotlib",),
    "matplotlib_animations": False,
    "remove_config_comments": True,
    "show_memory": False,
    "show_signature": False,
    "write_computation_times": False,
    "download_all_examples": False,
    "parallel": False,
    "within_subsection_order": "FileNameSortKey",
}

# pages
html_theme = "pydata_sphinx_theme"
html_title = "sklearn_xai"
html_static_path = ["_static"]
html_favicon = ICON = "_static/icon.svg"
html_css_files = ["custom.css"]
html_js_files = ["names.js"]
html_context = {"default_mode": "auto"}  # light or dark as the reader's system is
html_math_renderer = "mathml"
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "logo": {"text": "sklearn_xai", "image_light": ICON, "image_dark": ICON, "alt_text": ""},
    "primary_sidebar_end": [],  # the theme's own asks another server for advertisements
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "show_toc_level": 2,
    "navigation_depth": 2,
    "header_links_before_dropdown": 6,
}
html_sidebars = {"index": []}

# examples are copied with their prompts left out, and without what they print
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True


def setup(app):
    """Let Sphinx show code a little otherwise than it is written."""
    app.connect("source-read", _without_empty_ends)


def _without_empty_ends(app, name, text):
    """Take the empty line off code that ends in one: doctest needs it, readers do not."""
    text[0] = re.sub(r"\n\n```$", "\n```", text[0], flags=re.MULTILINE)
