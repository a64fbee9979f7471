"""How files are there and served: compared with what was approved, and said to the canister. Rules.

An asset canister keeps for each file a content type, encodings, and properties: `max_age`, headers,
whether it is served at the raw domain, and whether under shorter names too.
"""

from typing import TYPE_CHECKING

from shared.rules.assets import GZIP_END

if TYPE_CHECKING:
    from shared.types.approval import Asset, AssetProperties
    from shared.types.asset_canister import (
        CreateAsset,
        ListedAsset,
        SetAssetProperties,
        ToldProperties,
    )


class Content:
    """The bytes of a file in one encoding. `path` is where the agreed ones are in the folder."""

    __slots__ = ("encoding", "key", "path", "sha256", "size", "unpacked", "unpacked_size")

    def __init__(self, asset: "Asset", encoding: str, end: str, sha256: str, size: int) -> None:
        self.key = asset["key"]
        self.encoding = encoding
        self.path = f"{asset['key']}{end}"
        self.sha256 = sha256
        self.size = size
        self.unpacked = asset["sha256"]
        self.unpacked_size = asset["size"]


def contents_of(asset: "Asset") -> "list[Content]":
    """All that is stored of a file: as it is, and packed where that is approved."""
    found = [Content(asset, asset["content_encoding"], "", asset["sha256"], asset["size"])]
    for one in asset["encodings"] or []:
        name = one["content_encoding"]
        found.append(Content(asset, name, GZIP_END, one["sha256"], one["size"]))
    return found


def kind_of(asset: "Asset", listed: "ListedAsset", serves: bool) -> str:
    """How a file is there: "same" as approved, with "other" content, "restyled", or "untold".

    `serves`: an earlier release may have given the file properties, which it must not keep when
    none are approved.
    """
    there = {one["content_encoding"]: (one["sha256"], one["length"]) for one in listed["encodings"]}
    approved = {one.encoding: (bytes.fromhex(one.sha256), one.size) for one in contents_of(asset)}
    if listed["content_type"] != asset["content_type"] or there != approved:
        return "other"
    # Canisters of before 2026 list none of these, and tell them when they are asked.
    told = (
        listed["max_age"],
        listed["headers"],
        listed["allow_raw_access"],
        listed["is_aliased"],
    )
    if told == (None, None, None, None) and (serves or asset["properties"] is not None):
        return "untold"
    return properties_kind(asset["properties"], listed)


def properties_kind(
    approved: "AssetProperties | None", told: "ListedAsset | ToldProperties"
) -> str:
    """Whether a file that has the approved content is "same", "restyled", or "other" because one of
    its properties can only be taken away with it."""
    if approved is None:
        is_plain = (
            told["max_age"] is None
            and not headers_of(told)
            and told["allow_raw_access"] is not False
            and told["is_aliased"] is not False
        )
        return "same" if is_plain else "other"
    if approved["max_age"] is None and told["max_age"] is not None:
        return "other"
    is_same = (
        told["max_age"] == approved["max_age"]
        and headers_of(told) == [(one["name"], one["value"]) for one in approved["headers"]]
        and told["allow_raw_access"] == approved["allow_raw_access"]
        and is_alias(approved) == (told["is_aliased"] is not False)
    )
    return "same" if is_same else "restyled"


def headers_of(told: "ListedAsset | ToldProperties") -> "list[tuple[str, str]]":
    """The headers of a file but for the canister's own, sorted by name."""
    return sorted(
        (name, value) for name, value in told["headers"] or [] if not is_of_canister(name, value)
    )


def is_alias(approved: "AssetProperties") -> bool:
    """Whether a file is served under shorter names too, which it is unless that is forbidden."""
    return approved["enable_aliasing"] is not False


def is_of_canister(name: str, value: str) -> bool:
    """Whether a header is the cookie that asset canisters of today add to pages by themselves."""
    return name.lower() == "set-cookie" and value.startswith("ic_env=")


def created(asset: "Asset") -> "CreateAsset":
    """How a file is made. What nothing is said of is left to the canister."""
    approved = asset["properties"]
    made: CreateAsset = {
        "key": asset["key"],
        "content_type": asset["content_type"],
        "max_age": None,
        "headers": None,
        "enable_aliasing": None,
        "allow_raw_access": None,
    }
    if approved is not None:
        headers = [(one["name"], one["value"]) for one in approved["headers"]]
        made["max_age"] = approved["max_age"]
        made["headers"] = headers or None
        made["enable_aliasing"] = approved["enable_aliasing"]
        made["allow_raw_access"] = approved["allow_raw_access"]
    return made


def restyled(key: str, approved: "AssetProperties") -> "SetAssetProperties":
    """All properties of a file that is there; `max_age` can be set, and not be taken away."""
    made: SetAssetProperties = {
        "key": key,
        "max_age": approved["max_age"],
        "headers": [(one["name"], one["value"]) for one in approved["headers"]],
        "allow_raw_access": approved["allow_raw_access"],
        "is_aliased": is_alias(approved),
    }
    return made
