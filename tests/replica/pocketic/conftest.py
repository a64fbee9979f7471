"""One PocketIC server for the tests of this folder."""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

BINARY = Path(sys.executable).parent / "dcanary-pocket-ic"


@pytest.fixture(scope="session")
def binary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """POCKET_IC_BIN for the client, which starts the console script and never stops it: so the
    first one notes its process id, and is ended here."""
    assert BINARY.exists(), "the package is not installed: run `make setup`"
    folder = tmp_path_factory.mktemp("pocketic")
    noted = folder / "pid"
    script = folder / "pocket-ic"
    script.write_text(f'#!/bin/sh\n[ -e {noted} ] || echo $$ > {noted}\nexec {BINARY} "$@"\n')
    script.chmod(0o755)
    # Not when the fixture ends: the client deletes its instance when it is collected, which for the
    # last test is later, and then complains of a server that is gone.
    atexit.register(_end, noted)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POCKET_IC_BIN", str(script))
        patch.setattr(tempfile, "tempdir", str(folder))
        yield script


def _end(noted: Path) -> None:
    if noted.exists():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(noted.read_text()), signal.SIGTERM)
