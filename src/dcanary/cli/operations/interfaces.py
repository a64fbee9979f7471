"""Interfaces of modules in files."""

from __future__ import annotations

from pathlib import Path

from dcanary.candid_export.bounds import MAX_MODULE_BYTES
from dcanary.candid_export.reading import InterfaceError, interface_text
from dcanary.cli.errors import UsageTrouble


def interface_of_file(file: Path) -> str:
    """The `.did` of a module. Raises UsageTrouble when it tells none."""
    try:
        with file.open("rb") as opened:
            module = opened.read(MAX_MODULE_BYTES + 1)
    except OSError as error:
        raise UsageTrouble(f"{file}: {error.strerror}") from error
    try:
        text = interface_text(module)
    except InterfaceError as error:
        raise UsageTrouble(f"{file}: {error}") from error
    if text is None:
        raise UsageTrouble(
            f"{file}: it tells no interface: in Rust, write ic_cdk::export_candid!() at the end of "
            "lib.rs, or put the .did into the metadata candid:service with ic-wasm"
        )
    return text
