"""A browser, for the tests of pages."""

from tests.browsing import axe, browser  # noqa: F401
