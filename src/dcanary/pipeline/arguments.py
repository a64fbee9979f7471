"""Textual Candid arguments of a pipeline file, as the bytes that are sent.

They are made when the file is read, so that a wrong one is found before anything is built, and so
that what people approve is bytes. The types are those of the interface that `deploy.candid` names.
"""

from pathlib import Path
from typing import Any

from dcanary.candid import CandidError, DidSyntaxError, Type, parse_interface
from dcanary.candid.text import encode_text, encode_untyped
from dcanary.pipeline import limits
from dcanary.pipeline.names import check_artifact_path
from dcanary.pipeline.source import Source, Value

KEYS = ("install_arg", "upgrade_arg")
_EMPTY = b"DIDL\0\0"


def encode_arguments(source: Source, folder: Path | None) -> None:
    """Put bytes in the place of each textual argument of `source`; report what is wrong with it.

    `folder` is where `deploy.candid` is looked for; None where no files can be read.
    """
    deploy = source.value.get("deploy") if isinstance(source.value, dict) else None
    if not isinstance(deploy, dict):
        return
    written = {key: deploy[key] for key in KEYS if isinstance(deploy.get(key), str)}
    if not written and deploy.get("candid") is None:
        return
    types = _types(source, deploy.get("candid"), folder)
    bytes_of: dict[str, Any] = deploy
    for key, text in written.items():
        bytes_of[key] = _encoded(source, key, str(text), types)


def _encoded(source: Source, key: str, text: str, types: list[Type] | None) -> bytes:
    place = ("deploy", key)
    if len(text) > limits.MAX_ARGUMENT_BYTES:
        source.report(place, f"must have at most {limits.MAX_ARGUMENT_BYTES} characters")
        return _EMPTY
    # One that begins like a hexadecimal message was meant as {hex: …}.
    if not text.strip().startswith("("):
        source.report(place, 'must be textual Candid such as "(42 : nat)" or {hex: "4449444c0000"}')
        return _EMPTY
    try:
        return encode_untyped(text) if types is None else encode_text(text, types)
    except CandidError as error:
        source.report(place, f"is not the argument that is wanted: {error}")
        return _EMPTY


def _types(source: Source, path: Value, folder: Path | None) -> list[Type] | None:
    """The init arguments of the interface at `deploy.candid`; None when there is none to use."""
    if not isinstance(path, str):
        return None
    place = ("deploy", "candid")
    try:
        check_artifact_path(path)
        if folder is None:
            return None
        with (folder / path).open("rb") as stream:
            content = stream.read(limits.MAX_FILE_BYTES + 1)
        if len(content) > limits.MAX_FILE_BYTES:
            raise ValueError(f"has more than {limits.MAX_FILE_BYTES} bytes")
        return list(parse_interface(content.decode()).init.types)
    except DidSyntaxError as error:
        source.report(place, f"{path}: {error}")
    except UnicodeDecodeError:
        source.report(place, f"{path} is not UTF-8")
    except OSError as error:
        source.report(place, f"{path} cannot be read: {error.strerror}")
    except ValueError as error:
        source.report(place, f"{path}: {error}")
    return None
