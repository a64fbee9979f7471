#!/usr/bin/env bash
# Style, types and shell syntax; anything found is an error.
set -euo pipefail
cd "$(dirname "$0")/.."
.venv/bin/ruff check .
.venv/bin/ruff format --check .
.venv/bin/mypy
for script in scripts/*.sh .ci/run; do bash -n "$script"; done
