"""Sources and sandboxes for the executor's tests."""

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from dcanary.executor.sandbox import BubblewrapSandbox, probe_sandbox

_PROBE = probe_sandbox()


@pytest.fixture
def sandbox() -> BubblewrapSandbox:
    if _PROBE.sandbox is None:
        pytest.skip(_PROBE.reason)
    return _PROBE.sandbox


def write_source(path: Path, files: Mapping[str, str]) -> Path:
    """A source tar with text files."""
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(text.encode()), 0o644
            archive.addfile(info, io.BytesIO(text.encode()))
    return path
