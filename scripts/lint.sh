#!/usr/bin/env bash
# Style, types, import contracts, dead code and shell syntax; anything found is an error.
set -euo pipefail
cd "$(dirname "$0")/.."
.venv/bin/ruff check .
.venv/bin/ruff format --check .
.venv/bin/mypy
.venv/bin/vulture
export PYTHONPATH=.
.venv/bin/lint-imports --no-cache --no-logo .importlinter
.venv/bin/lint-imports --no-cache --no-logo .importlinter-rules
for script in scripts/*.sh .ci/run; do bash -n "$script"; done
