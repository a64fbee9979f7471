#!/usr/bin/env bash
# All tests, the fast ones first, so that a mistake shows early.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/lint.sh
.venv/bin/pytest -q -m "not replica and not e2e and not nightly"
.venv/bin/pytest -q -m "replica and not e2e"
.venv/bin/pytest -q -m e2e
