#!/usr/bin/env bash
# All tests, the fast ones first, so that a mistake shows early.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/lint.sh
# One file stays in one process: its fixtures are made once. What measures is not shared out, it would
# be in the way of its like; the whole system waits more than it works, so two go on at a time.
.venv/bin/pytest -q -n auto --dist loadfile -m "not replica and not e2e and not nightly"
.venv/bin/pytest -q -m "replica and not e2e"
.venv/bin/pytest -q -n 2 --dist loadfile -m e2e
