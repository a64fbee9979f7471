"""The files of an order, from an agreed manifest and the settings that are agreed with them.

The settings are read once, when people are asked. Lists that came of them are kept: their bytes may
be gone from `build_executor` when somebody looks at the request later.
"""

import hashlib

from kybra import Async, CallResult

from canisters.verification.store import asset_lists, manifests, wiring
from shared.base.access import wired_siblings
from shared.base.results import refused_of
from shared.rules.asset_settings import SettingsError, settings_files
from shared.rules.assets import assets_of, joined, split
from shared.rules.refused import conflict, unavailable
from shared.siblings import BuildExecutorService
from shared.types.approval import ApprovalInput, Asset, Order
from shared.types.job import ChunkResult
from shared.types.run import File


def agreed_assets(request: ApprovalInput, manifest: str) -> "Async[list[Asset] | None]":
    """The files that a request puts into its target; None when it names no folder."""
    folder = request["assets"]
    if folder is None:
        yield from ()
        return None
    files = _files(manifest)
    try:
        settings = settings_files(files, folder)
    except SettingsError as error:
        raise conflict(str(error)) from None
    texts: dict[str, bytes] = {}
    for file in settings:
        texts[file["path"]] = yield from _content(request, file)
    found = assets_of(files, folder, texts)
    if isinstance(found, str):
        raise conflict(found)
    return found


def _files(manifest: str) -> "list[File]":
    stored = manifests.get(manifest)
    return [] if stored is None else stored["files"]


def _content(request: ApprovalInput, file: File) -> "Async[bytes]":
    """The bytes of one agreed file, a small one."""
    service = BuildExecutorService(wired_siblings(wiring)["build_executor"])
    reply: CallResult[ChunkResult] = yield service.read_chunk(
        {"run": request["run"], "stage": request["stage"], "path": file["path"], "index": 0}
    )
    if reply.Err is not None:
        raise unavailable(f"{file['path']} could not be read: {reply.Err}")
    if "Err" in reply.Ok:
        raise refused_of(reply.Ok["Err"])
    content = reply.Ok["Ok"]
    digest = hashlib.sha256(content).hexdigest()
    if digest != file["sha256"]:
        raise conflict(f"{file['path']} has sha256 {digest}, agreed is {file['sha256']}")
    return content


def keep_list(order: Order, assets: "list[Asset] | None") -> None:
    """Keep the files of an order, unless its manifest says all of them."""
    parts = None if assets is None else split(assets)
    if parts is None or order["assets"] is None:
        return
    bare, properties, of = parts
    asset_lists.insert(
        order["assets"]["digest"],
        {"version": 1, "assets": bare, "properties": properties, "of": of},
    )


def ordered_assets(order: Order) -> "list[Asset] | str | None":
    """The files that an order binds, a sentence when they cannot be told; None when it has none."""
    bound = order["assets"]
    if bound is None:
        return None
    stored = asset_lists.get(bound["digest"])
    if stored is not None:
        return joined(stored["assets"], stored["properties"], stored["of"])
    return assets_of(_files(order["verdict"]["manifest"]), bound["folder"])
