"""What `.ic-assets.json5` says of each file of a folder, as the Internet Computer's SDK reads it.

A folder may have one such file, and its sub folders too. The rules whose `match` fits a file's path
are taken one after the other, from the outermost folder's on; what a later one says replaces what
an earlier one said, headers one by one. Plain Python.

Source: `AssetConfig` and `gather_asset_descriptors` in the crate `ic-asset` of
https://github.com/dfinity/sdk.
"""

from typing import TYPE_CHECKING

from shared.rules import json5
from shared.rules.globs import Glob, GlobError
from shared.rules.json5 import Members
from shared.rules.limits import (
    MAX_ASSET_PATTERNS,
    MAX_ASSET_RULES,
    MAX_ASSET_SETTINGS_BYTES,
    MAX_ASSET_SETTINGS_FILES,
)
from shared.rules.security_headers import POLICIES, headers_of

if TYPE_CHECKING:
    from shared.types.approval import AssetHeader, AssetProperties
    from shared.types.run import File

SETTINGS_FILES = (".ic-assets.json", ".ic-assets.json5")
# Folders whose names begin with a dot and that are published all the same.
KNOWN_FOLDERS = (".well-known",)
GZIP = "gzip"
ENCODINGS = ("identity", GZIP, "br", "brotli")
FIELDS = (
    "match",
    "cache",
    "headers",
    "ignore",
    "enable_aliasing",
    "allow_raw_access",
    "encodings",
    "security_policy",
    "disable_security_policy_warning",
)
# Where the folder is, for patterns: the SDK matches whole paths.
ROOT = "/assets/"
TOKEN = "!#$%&'*+-.^_`|~"
MAX_AGE = 1 << 64


class SettingsError(ValueError):
    """What is wrong with the settings, with file and line."""


class _Rule:
    """One rule. None in a field: it says nothing of it.

    `headers` are False where it takes away those of earlier rules.
    """

    __slots__ = ("alias", "encodings", "glob", "headers", "ignore", "max_age", "policy", "raw")

    def __init__(self, glob: Glob) -> None:
        self.glob = glob
        self.max_age: list[int | None] | None = None
        self.headers: dict[str, str] | bool | None = None
        self.ignore: bool | None = None
        self.alias: bool | None = None
        self.raw: bool | None = None
        self.encodings: list[str] | None = None
        self.policy: str | None = None


class Settings:
    """The settings of one folder and the folders below it."""

    def __init__(self, folder: str, texts: "dict[str, bytes]") -> None:
        """`texts` are the contents of all settings files below `folder`, by path.

        Raises SettingsError.
        """
        self._rules: dict[str, list[_Rule]] = {}
        self._shown: dict[str, bool] = {}
        self._known: dict[str, _Rule] = {}
        count = weight = 0
        for path in sorted(texts):
            below = path[len(folder) :].rpartition("/")[0]
            if below in self._rules:
                raise SettingsError(f"{path}: the folder has {' and '.join(SETTINGS_FILES)}")
            self._rules[below] = _rules(path, f"{ROOT}{below}/" if below else ROOT, texts[path])
            count += len(self._rules[below])
            if count > MAX_ASSET_RULES:
                raise SettingsError(f"{path}: more than {MAX_ASSET_RULES} rules (MAX_ASSET_RULES)")
            weight += sum(rule.glob.weight for rule in self._rules[below])
            if weight > MAX_ASSET_PATTERNS:
                raise SettingsError(
                    f"{path}: its patterns have {weight} pieces, over {MAX_ASSET_PATTERNS} "
                    "(MAX_ASSET_PATTERNS): each alternative counts, a piece with ? or [] much"
                )

    def publishes(self, path: str) -> bool:
        """Whether a file, by its path below the folder, goes into the canister."""
        above, _, name = path.rpartition("/")
        if above and not self._enters(above):
            return False
        ignore = self._merged(path).ignore
        return not name.startswith(".") if ignore is None else not ignore

    def _enters(self, path: str) -> bool:
        """Whether files of a folder, by its path, are looked at."""
        known = self._shown.get(path)
        if known is None:
            above, _, name = path.rpartition("/")
            ignore = self._merged(path).ignore
            if ignore is None:
                known = name in KNOWN_FOLDERS or not name.startswith(".")
            else:
                known = not ignore
            known = known and (not above or self._enters(above))
            self._shown[path] = known
        return known

    def of(self, path: str) -> "AssetProperties":
        """How the file with this path below the folder is served."""
        merged = self._merged(path)
        headers = dict(merged.headers) if isinstance(merged.headers, dict) else {}
        if merged.policy is not None:
            named = {name.lower() for name in headers}
            brought = headers_of(merged.policy)
            for name in brought:
                if name.lower() not in named:
                    headers[name] = brought[name]
        told: list[AssetHeader] = [
            {"name": name, "value": headers[name]} for name in sorted(headers)
        ]
        return {
            "max_age": None if merged.max_age is None else merged.max_age[0],
            "headers": told,
            "allow_raw_access": merged.raw is not False,
            "enable_aliasing": merged.alias,
        }

    def wants_gzip(self, path: str) -> bool:
        """Whether a rule says that the file with this path is to be there in gzip too."""
        return GZIP in (self._merged(path).encodings or [])

    def _merged(self, path: str) -> _Rule:
        """All that the rules for this path say, in one; kept, for each file is asked for thrice."""
        known = self._known.get(path)
        if known is not None:
            return known
        merged = _Rule(Glob(""))
        self._known[path] = merged
        whole = ROOT + path
        folders = path.split("/")[:-1]
        for depth in range(len(folders) + 1):
            for rule in self._rules.get("/".join(folders[:depth])) or []:
                if rule.glob.matches(whole):
                    _take(merged, rule)
        return merged


def _take(merged: _Rule, rule: _Rule) -> None:
    """Let a rule have its say after those that are merged."""
    if rule.headers is False:
        merged.headers = None
    elif isinstance(rule.headers, dict):
        kept = merged.headers if isinstance(merged.headers, dict) else {}
        merged.headers = dict(kept, **rule.headers)
    for field in ("max_age", "ignore", "alias", "raw", "encodings", "policy"):
        said = getattr(rule, field)
        if said is not None:
            setattr(merged, field, said)


def is_settings(path: str) -> bool:
    """Whether a path is that of a settings file."""
    return path.rsplit("/", 1)[-1] in SETTINGS_FILES


def settings_files(files: "list[File]", folder: str) -> "list[File]":
    """The settings among the agreed files below a folder. Raises SettingsError when too much."""
    found = [one for one in files if one["path"].startswith(folder) and is_settings(one["path"])]
    if len(found) > MAX_ASSET_SETTINGS_FILES:
        raise SettingsError(
            f"{len(found)} settings files are below {folder}, over {MAX_ASSET_SETTINGS_FILES} "
            "(MAX_ASSET_SETTINGS_FILES)"
        )
    size = sum(one["size"] for one in found)
    if size > MAX_ASSET_SETTINGS_BYTES:
        raise SettingsError(
            f"the settings files below {folder} have {size} bytes, over "
            f"{MAX_ASSET_SETTINGS_BYTES} (MAX_ASSET_SETTINGS_BYTES)"
        )
    return found


def _rules(path: str, place: str, content: bytes) -> "list[_Rule]":
    try:
        value = json5.parse(content.decode())
    except UnicodeDecodeError:
        raise SettingsError(f"{path}: it is not UTF-8 text") from None
    except json5.Json5Error as error:
        raise SettingsError(f"{path}:{error.line}: not JSON5: {error.why}") from None
    if not isinstance(value, list):
        raise SettingsError(f"{path}: it is not a list of rules: write [{{match: …, …}}, …]")
    return [_rule(path, place, index, one) for index, one in enumerate(value, start=1)]


class _Reading:
    """The fields of one rule, read with their place in mind."""

    def __init__(self, path: str, members: Members) -> None:
        self._path = path
        self._members = members

    def error(self, field: str, why: str) -> SettingsError:
        line = self._members.lines.get(field, self._members.line)
        return SettingsError(f"{self._path}:{line}: {field}: {why}")

    def value(self, field: str) -> object:
        return self._members.fields.get(field)

    def flag(self, field: str) -> "bool | None":
        found = self.value(field)
        if found is not None and not isinstance(found, bool):
            raise self.error(field, "it is true or false")
        return found


def _rule(path: str, place: str, number: int, value: object) -> _Rule:
    if not isinstance(value, Members):
        raise SettingsError(f"{path}: rule {number} is not an object: write {{match: …, …}}")
    reading = _Reading(path, value)
    if value.twice is not None:
        raise reading.error(value.twice[:40], "it is there twice")
    for field in value.fields:
        if field not in FIELDS:
            raise reading.error(field[:40], f"there is no such field, only {', '.join(FIELDS)}")
    pattern = reading.value("match")
    if not isinstance(pattern, str):
        raise reading.error("match", 'a pattern of paths is needed, such as "**/*"')
    try:
        rule = _Rule(Glob(pattern if pattern.startswith("/") else place + pattern))
    except GlobError as error:
        raise reading.error("match", f"it is no pattern: {error}") from None
    rule.max_age = _max_age(reading)
    rule.headers = _headers(reading, "headers" in value.fields)
    rule.ignore = reading.flag("ignore")
    rule.alias = reading.flag("enable_aliasing")
    rule.raw = reading.flag("allow_raw_access")
    rule.encodings = _encodings(reading)
    rule.policy = _policy(reading)
    reading.flag("disable_security_policy_warning")
    return rule


def _max_age(reading: _Reading) -> "list[int | None] | None":
    cache = reading.value("cache")
    if cache is None:
        return None
    if not isinstance(cache, Members):
        raise reading.error("cache", "it is an object with max_age")
    age = cache.fields.get("max_age")
    if age is not None and (not isinstance(age, int) or isinstance(age, bool)):
        raise reading.error("cache", "max_age is a whole number of seconds")
    if age is not None and not 0 <= age < MAX_AGE:
        raise reading.error("cache", "max_age is from 0 to 2**64 - 1 seconds")
    return [age]


def _headers(reading: _Reading, is_there: bool) -> "dict[str, str] | bool | None":
    found = reading.value("headers")
    if found is None:
        return False if is_there else None
    if not isinstance(found, Members):
        raise reading.error("headers", "it is an object of names and values, or null")
    return {name: _value(reading, name, found.fields[name]) for name in found.fields}


def _value(reading: _Reading, name: str, value: object) -> str:
    if not name or any(not (one.isascii() and one.isalnum()) and one not in TOKEN for one in name):
        raise reading.error("headers", f"{name[:40]!r} is no name of a header")
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if not isinstance(value, str):
        raise reading.error("headers", f"the value of {name[:40]} is no text: write it in quotes")
    if any((one < " " and one != "\t") or one == "\x7f" for one in value):
        raise reading.error("headers", f"the value of {name[:40]} has a control character")
    return value


def _encodings(reading: _Reading) -> "list[str] | None":
    found = reading.value("encodings")
    if found is None:
        return None
    if not isinstance(found, list) or any(one not in ENCODINGS for one in found):
        raise reading.error("encodings", "it is a list of identity, gzip and br")
    return [str(one) for one in found]


def _policy(reading: _Reading) -> "str | None":
    found = reading.value("security_policy")
    if found is None:
        return None
    if not isinstance(found, str) or found not in POLICIES:
        raise reading.error("security_policy", f"it is one of {', '.join(POLICIES)}")
    return found
