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
        "properties": None,
        "encodings": None,
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


SETTINGS = "dist/.ic-assets.json5"


def with_settings(text: str, *files: Any) -> Any:
    return assets.assets_of([*files, file(SETTINGS)], "dist/", {SETTINGS: text.encode()})


@pytest.mark.parametrize("name", [".ic-assets.json5", "deep/below/.ic-assets.json"])
def test_settings_that_were_not_read_are_not_ignored(name: str) -> None:
    found = assets.assets_of([file("dist/index.html"), file(f"dist/{name}")], "dist/")
    assert found == "the settings of the files below dist/ were not read"
    assert listed(file("dist/index.html"), file(".ic-assets.json5"))


def test_settings_say_which_files_are_published_and_how() -> None:
    found = with_settings(
        "[{match: '*.js', cache: {max_age: 9}}, {match: '*.map', ignore: true}]",
        *(file(f"dist/{name}") for name in ("index.html", "app.js", "app.js.map", ".env")),
    )
    assert [(one["key"], one["properties"]["max_age"]) for one in found] == [
        ("/app.js", 9),
        ("/index.html", None),
    ]
    parts = assets.split(found)
    assert parts is not None
    assert assets.joined(*parts) == found
    assert assets.split(listed(file("dist/index.html"))) is None


PACKED = "[{match: '*.js', encodings: ['identity', 'gzip']}]"


def test_files_in_gzip_belong_to_those_beside_them_where_a_rule_wants_it() -> None:
    files = [
        file("dist/app.js", 9),
        file("dist/app.js.gz", 5, "b" * 64),
        file("dist/page.html"),
        file("dist/page.html.gz"),
        file("dist/alone.js.gz"),
        file("dist/bare.js"),
    ]
    found = with_settings(PACKED, *files)
    assert {one["key"]: one["encodings"] for one in found} == {
        "/app.js": [{"content_encoding": "gzip", "sha256": "b" * 64, "size": 5}],
        "/page.html": None,
        "/page.html.gz": None,
        "/alone.js.gz": None,
        "/bare.js": None,
    }
    assert assets.size_of(found) == 9 + 5 + 4 * 3
    assert len(listed(*files)) == len(files)
    parts = assets.split(found)
    assert parts is not None
    assert assets.joined(*parts) == found
    ignored = with_settings("[{match: '*.js', encodings: ['gzip'], ignore: true}]", *files)
    assert "/app.js.gz" in [one["key"] for one in ignored]


@pytest.mark.parametrize(("field", "value"), [("sha256", "c" * 64), ("size", 6)])
def test_the_digest_binds_files_in_gzip(field: str, value: object) -> None:
    files = with_settings(PACKED, file("dist/app.js", 9), file("dist/app.js.gz", 5, "b" * 64))
    bound = assets.ordered("dist/", files)
    assert bound["bytes"] == 14
    for encodings in (None, [dict(files[0]["encodings"][0], **{field: value})]):
        other: Any = [dict(files[0], encodings=encodings)]
        assert "the files have digest" in str(assets.differs(bound, other))


def test_settings_that_cannot_be_obeyed_are_told() -> None:
    assert with_settings("[{match: 1}]", file("dist/a")) == (
        f'{SETTINGS}:1: match: a pattern of paths is needed, such as "**/*"'
    )
    assert with_settings("[{match: '**', ignore: true}]", file("dist/a")) == (
        "no agreed file below dist/ is published: its settings ignore them all"
    )
    header = f"[{{match: '**', headers: {{a: '{'x' * 4_000}'}}}}]"
    many = [file(f"dist/{number}") for number in range(200)]
    assert "(MAX_ASSET_PROPERTIES_BYTES)" in str(with_settings(header, *many))


def test_digests_of_lists_without_settings_are_what_they_were_in_earlier_versions() -> None:
    files = listed(file("dist/index.html"), file("dist/x.js", 4, "b" * 64))
    assert assets.assets_digest(files) == (
        "24ecc14f3e5010f1722b32ee0a6b14dc6bc009424880d4b02c782a80861893a2"
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("max_age", 1),
        ("headers", [{"name": "A", "value": "2"}]),
        ("headers", []),
        ("allow_raw_access", False),
        ("enable_aliasing", True),
    ],
)
def test_the_digest_binds_every_property_of_every_file(field: str, value: object) -> None:
    files = with_settings("[{match: '**', headers: {A: '1'}}]", file("dist/a"), file("dist/b"))
    bound = assets.ordered("dist/", files)
    assert assets.differs(bound, files) is None
    for position in range(2):
        other = [dict(one, properties=dict(one["properties"])) for one in files]
        other[position]["properties"][field] = value
        assert "the files have digest" in str(assets.differs(bound, other))
        other[position]["properties"] = None
        assert "the files have digest" in str(assets.differs(bound, other))


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
