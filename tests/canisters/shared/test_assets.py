"""The list of files that goes into an asset canister: what is in it, and what binds it."""

from __future__ import annotations

from typing import Any

import pytest

from shared.rules import assets
from shared.rules.limits import MAX_ASSETS, MAX_ASSETS_BYTES, MIB


def file(path: str, size: int = 3, sha256: str = "a" * 64) -> Any:
    return {"path": path, "size": size, "sha256": sha256}


def listed(*files: Any) -> Any:
    found = assets.assets_of(list(files), "dist/")
    assert not isinstance(found, str), found
    return found


def test_keys_are_the_paths_below_the_folder_sorted() -> None:
    found = listed(file("dist/z.js"), file("dist/a/b.css"), file("other/x"), file("distant/y"))
    assert [one["key"] for one in found] == ["/a/b.css", "/z.js"]
    assert found[0] == {
        "key": "/a/b.css",
        "sha256": "a" * 64,
        "size": 3,
        "content_type": "text/css",
        "content_encoding": "identity",
    }
    assert assets.path_of("dist/", "/a/b.css") == "dist/a/b.css"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("index.html", "text/html"),
        ("a/INDEX.HTML", "text/html"),
        ("app.min.js", "text/javascript"),
        ("a.b/c", "application/octet-stream"),
        (".html", "application/octet-stream"),
        (".well-known/ic-domains", "application/octet-stream"),
        ("x.unheard", "application/octet-stream"),
        ("x.", "application/octet-stream"),
    ],
)
def test_content_types_go_by_the_end_of_the_name(path: str, expected: str) -> None:
    assert assets.content_type_of(path) == expected


@pytest.mark.parametrize("name", [".ic-assets.json5", "deep/below/.ic-assets.json"])
def test_settings_that_would_be_ignored_are_refused(name: str) -> None:
    found = assets.assets_of([file("dist/index.html"), file(f"dist/{name}")], "dist/")
    assert found == (
        f"dist/{name}: settings of asset canisters are not supported yet: leave the file out of "
        "the folder"
    )
    assert listed(file("dist/index.html"), file(".ic-assets.json5"))


def test_a_folder_without_files_is_refused() -> None:
    assert "no agreed file is below dist/" in str(assets.assets_of([file("dist")], "dist/"))


def test_limits_are_named() -> None:
    many = [file(f"dist/{number}") for number in range(MAX_ASSETS + 1)]
    assert "(MAX_ASSETS)" in str(assets.assets_of(many, "dist/"))
    large = [file(f"dist/{number}", MIB) for number in range(MAX_ASSETS)]
    assert len(listed(*large)) * MIB == MAX_ASSETS_BYTES
    large[0] = file("dist/0", MIB + 1)
    assert "(MAX_ASSETS_BYTES)" in str(assets.assets_of(large, "dist/"))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("key", "/index2.html"),
        ("sha256", "b" * 64),
        ("size", 4),
        ("content_type", "text/plain"),
        ("content_encoding", "gzip"),
    ],
)
def test_the_digest_binds_every_field_of_every_file(field: str, value: object) -> None:
    files = listed(file("dist/index.html"), file("dist/x.js"))
    bound = assets.ordered("dist/", files)
    assert assets.differs(bound, files) is None
    for position in range(2):
        other = [dict(one) for one in files]
        other[position][field] = value
        assert "the files have digest" in str(assets.differs(bound, other))  # type: ignore[arg-type] # records as dicts


def test_a_list_is_all_that_the_order_says_and_nothing_without_an_order() -> None:
    files = listed(file("dist/index.html"), file("dist/x.js"))
    bound = assets.ordered("dist/", files)
    assert assets.differs(None, None) is None
    assert "names no files" in str(assets.differs(None, files))
    assert "none were sent" in str(assets.differs(bound, None))
    assert "the files have digest" in str(assets.differs(bound, files[:1]))
    assert "count of files" in str(assets.differs({**bound, "files": 3}, files))
    twice = [files[0], files[0]]
    assert "sorted by key" in str(assets.differs(assets.ordered("dist/", twice), twice))
    swapped = files[::-1]
    assert "sorted by key" in str(assets.differs(assets.ordered("dist/", swapped), swapped))
