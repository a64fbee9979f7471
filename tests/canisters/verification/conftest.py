"""Makes the helper modules of the tests importable by their full names."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]

for folder in (str(ROOT),):
    if folder not in sys.path:
        sys.path.insert(0, folder)
