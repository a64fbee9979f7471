#!/usr/bin/env bash
# Writes canisters/NAME/NAME.did anew: the interfaces as the canisters' sources have them now, and
# the client's types and calls that are made from them (src/dcanary/client/types).
# Look at the difference before you commit it: it is what clients of the canisters will see.
set -euo pipefail
cd "$(dirname "$0")/.."
.venv/bin/python - <<'PYTHON'
from pathlib import Path

from dcanary.client.system import CANISTERS
from dcanary.testing.native import NativeNetwork

for name in CANISTERS:
    folder = Path("canisters") / name
    interface = NativeNetwork().install(folder / "main.py").did
    file = folder / f"{name}.did"
    changed = not file.exists() or file.read_text(encoding="utf-8") != interface
    file.write_text(interface, encoding="utf-8")
    print(f"{file}: {'changed' if changed else 'as before'}")
PYTHON
.venv/bin/python -m dcanary.client.generate
