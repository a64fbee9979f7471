"""Textual Candid arguments of a pipeline file, as the bytes that are sent.

They are made when the file is read, so that a wrong one is found before anything is built, and so
that what people approve is bytes. The types are those of the interface that `candid` of the same
target names.
"""

from pathlib import Path
from typing import Any

from dcanary.candid import CandidError, DidSyntaxError, Type, parse_interface
from dcanary.candid.text import encode_text, encode_untyped
from dcanary.pipeline import limits, references
from dcanary.pipeline.errors import Location
from dcanary.pipeline.names import check_artifact_path
from dcanary.pipeline.references import Argument, Installation
from dcanary.pipeline.source import Source, Value

KEYS = ("install_arg", "upgrade_arg")
EMPTY = Argument(b"DIDL\0\0")


def deploys_of(value: Value) -> list[tuple[Location, dict[str, Value]]]:
    """What `deploy` holds, a mapping or a list of them, each with its place in the file."""
    deploy = value.get("deploy") if isinstance(value, dict) else None
    if isinstance(deploy, dict):
        return [(("deploy",), deploy)]
    found: list[tuple[Location, dict[str, Value]]] = []
    for index, one in enumerate(deploy if isinstance(deploy, list) else ()):
        if isinstance(one, dict):
            found.append((("deploy", index), one))
    return found


def encode_arguments(source: Source, folder: Path | None, installation: Installation) -> None:
    """Put an `Argument` in the place of each textual one of `source`; report what is wrong with it.

    `folder` is where the interfaces are looked for; None where no files can be read.
    """
    deploys = deploys_of(source.value)
    here = {one.get("target") for _, one in deploys}
    for place, deploy in deploys:
        written = {key: deploy[key] for key in KEYS if isinstance(deploy.get(key), str)}
        if not written and deploy.get("candid") is None:
            continue
        types = _types(source, (*place, "candid"), deploy.get("candid"), folder)
        values: dict[str, Any] = deploy
        if types is None and folder is not None and deploy.get("candid") is not None:
            # Without the interface that is meant nobody knows what arguments are right.
            values.update(dict.fromkeys(written, EMPTY))
            continue
        for key, text in written.items():
            argument = _encoded(source, (*place, key), str(text), types, installation)
            values[key] = argument
            for target in argument.targets:
                if target not in here and not installation.has_target(target):
                    source.report(
                        (*place, key),
                        f"${{canister:{target}}}: there is no target {target}, neither in this "
                        "file nor in the installation: dcanary target list",
                    )


def _encoded(
    source: Source,
    place: Location,
    text: str,
    types: list[Type] | None,
    installation: Installation,
) -> Argument:
    if len(text) > limits.MAX_ARGUMENT_BYTES:
        source.report(place, f"must have at most {limits.MAX_ARGUMENT_BYTES} characters")
        return EMPTY
    # One that begins like a hexadecimal message was meant as {hex: …}.
    if not text.strip().startswith("("):
        source.report(place, 'must be textual Candid such as "(42 : nat)" or {hex: "4449444c0000"}')
        return EMPTY

    def encoded(plain: str) -> bytes:
        return encode_untyped(plain) if types is None else encode_text(plain, types)

    try:
        return references.encode(text, installation.network, encoded)
    except CandidError as error:
        source.report(place, f"is not the argument that is wanted: {error}")
    except ValueError as error:
        source.report(place, str(error))
    return EMPTY


def _types(source: Source, place: Location, path: Value, folder: Path | None) -> list[Type] | None:
    """The init arguments of the interface at `path`; None when there is none to use."""
    if not isinstance(path, str):
        return None
    try:
        check_artifact_path(path)
    except ValueError:
        return None  # The rules of the file say so.
    if folder is None:
        return None
    try:
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
