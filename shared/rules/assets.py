"""The files that go into an asset canister, from the agreed files of a stage. Plain Python.

A folder is written with a `/` at its end. What people approve is the digest of the list: keys,
hashes, sizes, content types, encodings and properties of all files, sorted by key.

A list without properties is encoded as one of records without those fields: they are younger than
lists, and the digest of each list that was approved before stays what it was.
"""

from typing import TYPE_CHECKING

from shared.rules.asset_settings import (
    GZIP,
    Settings,
    SettingsError,
    is_settings,
    settings_files,
)
from shared.rules.canonical import digest_of
from shared.rules.limits import MAX_ASSET_PROPERTIES_BYTES, MAX_ASSETS, MAX_ASSETS_BYTES, MIB

if TYPE_CHECKING:
    from shared.types.approval import Asset, AssetEncoding, AssetProperties, OrderAssets
    from shared.types.run import File

ASSET_OF_OLD = (
    "record",
    (
        ("key", "text"),
        ("sha256", "text"),
        ("size", "nat64"),
        ("content_type", "text"),
        ("content_encoding", "text"),
    ),
)
HEADER = ("record", (("name", "text"), ("value", "text")))
PROPERTIES = (
    "record",
    (
        ("max_age", ("opt", "nat64")),
        ("headers", ("vec", HEADER)),
        ("allow_raw_access", "bool"),
        ("enable_aliasing", ("opt", "bool")),
    ),
)
ENCODING = ("record", (("content_encoding", "text"), ("sha256", "text"), ("size", "nat64")))
LATER_FIELDS = (("properties", ("opt", PROPERTIES)), ("encodings", ("opt", ("vec", ENCODING))))
ASSET = ("record", (*ASSET_OF_OLD[1], *LATER_FIELDS))
IDENTITY = "identity"
# Where a file in gzip is, for a rule that wants it: the agreed file of this name beside it.
GZIP_END = ".gz"
OTHER_TYPE = "application/octet-stream"
# By the end of the name: the types of what front ends are made of, as the IANA registers them.
CONTENT_TYPES = {
    "atom": "application/atom+xml",
    "avif": "image/avif",
    "bmp": "image/bmp",
    "css": "text/css",
    "csv": "text/csv",
    "gif": "image/gif",
    "gz": "application/gzip",
    "htm": "text/html",
    "html": "text/html",
    "ico": "image/x-icon",
    "ics": "text/calendar",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "js": "text/javascript",
    "json": "application/json",
    "json5": "application/json5",
    "jsonld": "application/ld+json",
    "map": "application/json",
    "md": "text/markdown",
    "mjs": "text/javascript",
    "mp3": "audio/mpeg",
    "mp4": "video/mp4",
    "ogg": "audio/ogg",
    "otf": "font/otf",
    "pdf": "application/pdf",
    "png": "image/png",
    "rss": "application/rss+xml",
    "svg": "image/svg+xml",
    "ttf": "font/ttf",
    "txt": "text/plain",
    "wasm": "application/wasm",
    "wav": "audio/wav",
    "webm": "video/webm",
    "webmanifest": "application/manifest+json",
    "webp": "image/webp",
    "woff": "font/woff",
    "woff2": "font/woff2",
    "xhtml": "application/xhtml+xml",
    "xml": "text/xml",
    "zip": "application/zip",
}


def content_type_of(path: str) -> str:
    """The content type by the end of a file's name."""
    name = path.rsplit("/", 1)[-1]
    stem, dot, end = name.rpartition(".")
    return CONTENT_TYPES.get(end.lower(), OTHER_TYPE) if dot and stem else OTHER_TYPE


def is_below(folder: str, path: str) -> bool:
    return path.startswith(folder) and len(path) > len(folder)


def path_of(folder: str, key: str) -> str:
    """The path of the agreed file that an asset is."""
    return folder + key[1:]


def assets_of(
    files: "list[File]", folder: str, settings: "dict[str, bytes] | None" = None
) -> "list[Asset] | str":
    """The files below a folder as assets, sorted by key; a sentence when they cannot be served.

    `settings` are the contents of the settings files among them, by path. Where there are any, they
    say which files are published and how; the settings themselves never are.
    """
    try:
        paths = {one["path"] for one in settings_files(files, folder)}
        if paths != set(settings or {}):
            return f"the settings of the files below {folder} were not read"
        rules = Settings(folder, settings) if settings else None
    except SettingsError as error:
        return str(error)
    below = [one for one in files if is_below(folder, one["path"])]
    packed = {} if rules is None else packed_files(below, folder, rules)
    forms = {packed[path]["path"] for path in packed}
    found: list[Asset] = []
    for file in below:
        path = file["path"]
        key = path[len(folder) :]
        if is_settings(path) or path in forms:
            continue
        if rules is not None and not rules.publishes(key):
            continue
        found.append(
            {
                "key": f"/{key}",
                "sha256": file["sha256"],
                "size": file["size"],
                "content_type": content_type_of(path),
                "content_encoding": IDENTITY,
                "properties": None if rules is None else rules.of(key),
                "encodings": encodings_of(packed.get(path)),
            }
        )
    if not found:
        if paths:
            return f"no agreed file below {folder} is published: its settings ignore them all"
        return f"no agreed file is below {folder}: assets must be a folder of the artifacts"
    return over_limits(found) or sorted(found, key=key_of)


def packed_files(files: "list[File]", folder: str, rules: Settings) -> "dict[str, File]":
    """The files in gzip that belong to others beside them, by the paths of these."""
    by_path = {one["path"]: one for one in files}
    found: dict[str, File] = {}
    for path in by_path:
        packed = by_path.get(f"{path}{GZIP_END}")
        key = path[len(folder) :]
        if packed is not None and rules.publishes(key) and rules.wants_gzip(key):
            found[path] = packed
    return found


def encodings_of(packed: "File | None") -> "list[AssetEncoding] | None":
    """What is stored beside a file, when it is there in gzip too."""
    if packed is None:
        return None
    made: AssetEncoding = {
        "content_encoding": GZIP,
        "sha256": packed["sha256"],
        "size": packed["size"],
    }
    return [made]


def key_of(asset: "Asset") -> str:
    return asset["key"]


def over_limits(assets: "list[Asset]") -> "str | None":
    """Why so many files, or so large ones, cannot be released, or None."""
    if len(assets) > MAX_ASSETS:
        return f"{len(assets)} files for an asset canister, over {MAX_ASSETS} (MAX_ASSETS)"
    size = size_of(assets)
    if size > MAX_ASSETS_BYTES:
        return (
            f"the files for the asset canister have {size} bytes, over {MAX_ASSETS_BYTES // MIB} "
            "MiB (MAX_ASSETS_BYTES)"
        )
    told = sum(properties_size(asset["properties"]) for asset in assets)
    if told > MAX_ASSET_PROPERTIES_BYTES:
        return (
            f"the headers of the files for the asset canister have {told} bytes, over "
            f"{MAX_ASSET_PROPERTIES_BYTES} (MAX_ASSET_PROPERTIES_BYTES)"
        )
    return None


def properties_size(properties: "AssetProperties | None") -> int:
    """About how many bytes the properties of one file take."""
    if properties is None:
        return 0
    headers = properties["headers"]
    return 32 + sum(16 + len((one["name"] + one["value"]).encode()) for one in headers)


def split(
    assets: "list[Asset]",
) -> "tuple[list[Asset], list[AssetProperties], list[int]] | None":
    """The list without properties, the different ones among them, and which of these each file has;
    None for a list that has none."""
    distinct: dict[str, int] = {}
    found: list[AssetProperties] = []
    of = []
    bare: list[Asset] = []
    for asset in assets:
        properties = asset["properties"]
        if properties is None:
            return None
        number = distinct.setdefault(repr(properties), len(found))
        if number == len(found):
            found.append(properties)
        of.append(number)
        bare.append(with_properties(asset, None))
    return (bare, found, of)


def joined(
    bare: "list[Asset]", properties: "list[AssetProperties]", of: "list[int]"
) -> "list[Asset]":
    """The list that `split` took apart."""
    return [with_properties(asset, properties[of[at]]) for at, asset in enumerate(bare)]


def with_properties(asset: "Asset", properties: "AssetProperties | None") -> "Asset":
    return {
        "key": asset["key"],
        "sha256": asset["sha256"],
        "size": asset["size"],
        "content_type": asset["content_type"],
        "content_encoding": asset["content_encoding"],
        "properties": properties,
        "encodings": asset["encodings"],
    }


def size_of(assets: "list[Asset]") -> int:
    """How many bytes are stored, in all encodings."""
    return sum(
        asset["size"] + sum(one["size"] for one in asset["encodings"] or []) for asset in assets
    )


def assets_digest(assets: "list[Asset]") -> str:
    """Compute the digest of a list of files: 64 lower-case hexadecimal digits."""
    is_of_old = all(asset["properties"] is None for asset in assets)
    return digest_of(("vec", ASSET_OF_OLD if is_of_old else ASSET), assets).hex()


def ordered(folder: str, assets: "list[Asset]") -> "OrderAssets":
    """What an order says of its files."""
    return {
        "folder": folder,
        "digest": assets_digest(assets),
        "files": len(assets),
        "bytes": size_of(assets),
    }


def differs(bound: "OrderAssets | None", assets: "list[Asset] | None") -> "str | None":
    """Why a list of files is not the one that an order binds, or None when it is."""
    if bound is None:
        return None if assets is None else "the order names no files, and some were sent"
    if assets is None:
        return "the order names files, and none were sent"
    found = ordered(bound["folder"], assets)
    if found["digest"] != bound["digest"]:
        return f"the files have digest {found['digest']}, approved is {bound['digest'][:64]}"
    if (found["files"], found["bytes"]) != (bound["files"], bound["bytes"]):
        return "the order's count of files and bytes is not that of its files"
    keys = [asset["key"] for asset in assets]
    if keys != sorted(set(keys)):
        return "the files are not sorted by key, each once"
    return over_limits(assets)
