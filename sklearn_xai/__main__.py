"""``python -m sklearn_xai`` is the command ``sklearn-xai``."""

from __future__ import annotations

import sys

from sklearn_xai.cli import main

if __name__ == "__main__":
    sys.exit(main())
