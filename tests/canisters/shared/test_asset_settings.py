"""What `.ic-assets.json5` says of each file: rules, inheritance, policies, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from shared.rules.asset_settings import Settings, SettingsError, settings_files
from shared.rules.limits import (
    MAX_ASSET_RULES,
    MAX_ASSET_SETTINGS_BYTES,
    MAX_ASSET_SETTINGS_FILES,
)

# What `dfx new` and `icp new` put there, but for its length.
TEMPLATE = """\
[
    {
        "match": "**/*",

        // Provides a general set of security headers that most web apps can use
        "security_policy": "standard",
        // Set to true to disable the warning that comes up
        "disable_security_policy_warning": true,

        // "allow_raw_access": true
        "allow_raw_access": false
    },
]
"""


def settings(**texts: str) -> Settings:
    """Settings by folder: `root`, or names with `__` for `/`."""
    paths = {
        f"dist/{name.replace('__', '/') + '/' if name != 'root' else ''}.ic-assets.json5": text
        for name, text in texts.items()
    }
    return Settings("dist/", {path: text.encode() for path, text in paths.items()})


def headers(found: Any) -> dict[str, str]:
    return {one["name"]: one["value"] for one in found["headers"]}


def test_files_without_a_rule_are_served_as_the_sdk_does_by_default() -> None:
    assert settings(root="[]").of("index.html") == {
        "max_age": None,
        "headers": [],
        "allow_raw_access": True,
        "enable_aliasing": None,
    }


def test_the_settings_of_a_new_project_bring_the_standard_headers() -> None:
    found = settings(root=TEMPLATE).of("assets/app.js")
    assert found["allow_raw_access"] is False
    assert list(headers(found)) == [
        "Content-Security-Policy",
        "Permissions-Policy",
        "Referrer-Policy",
        "Strict-Transport-Security",
        "X-Content-Type-Options",
        "X-Frame-Options",
        "X-XSS-Protection",
    ]
    assert headers(found)["Content-Security-Policy"] == (
        "default-src 'self';script-src 'self';connect-src 'self' http://localhost:* "
        "https://icp0.io https://*.icp0.io https://icp-api.io;img-src 'self' data:;style-src * "
        "'unsafe-inline';style-src-elem * 'unsafe-inline';font-src *;object-src 'none';base-uri "
        "'self';frame-ancestors 'none';form-action 'self';upgrade-insecure-requests;"
    )
    assert headers(found)["Permissions-Policy"].startswith("accelerometer=(), ambient-light-")


def test_headers_of_the_project_stand_in_place_of_those_of_the_policy() -> None:
    text = '[{match: "*", security_policy: "hardened", headers: {"x-frame-options": "SAMEORIGIN"}}]'
    found = headers(settings(root=text).of("index.html"))
    assert found["x-frame-options"] == "SAMEORIGIN"
    assert "X-Frame-Options" not in found
    assert len(found) == 7
    without = (
        '[{match: "*", security_policy: "standard"}, {match: "*", security_policy: "disabled"}]'
    )
    assert settings(root=without).of("index.html")["headers"] == []


def test_later_rules_replace_what_earlier_ones_say() -> None:
    found = settings(
        root="""[
            {match: "**/*", cache: {max_age: 60}, headers: {A: "1", B: "2"}},
            {match: "*.js", headers: {B: "3", C: 4, D: true, E: null}, enable_aliasing: false},
            {match: "plain.*", headers: null, cache: {}},
        ]"""
    )
    app = found.of("app.js")
    assert (app["max_age"], app["enable_aliasing"]) == (60, False)
    assert headers(app) == {"A": "1", "B": "3", "C": "4", "D": "true", "E": ""}
    plain = found.of("plain.css")
    assert (plain["max_age"], plain["headers"]) == (None, [])


def test_folders_inherit_and_add_rules_for_what_is_below_them() -> None:
    found = settings(
        root='[{match: "**/*", cache: {max_age: 1}, headers: {A: "root"}}]',
        docs='[{match: "*", headers: {B: "docs"}}, {match: "api/*", cache: {max_age: 2}}]',
        docs__api='[{match: "**/x.json", headers: null}]',
    )
    assert headers(found.of("index.html")) == {"A": "root"}
    assert headers(found.of("docs/a.html")) == {"A": "root", "B": "docs"}
    assert found.of("docs/a.html")["max_age"] == 1
    assert found.of("docs/api/y.json")["max_age"] == 2
    assert found.of("docs/api/x.json")["headers"] == []
    # A pattern with a slash at its front is a whole path of the machine that syncs.
    absolute = settings(root='[{match: "/index.html", cache: {max_age: 1}}]')
    assert absolute.of("index.html")["max_age"] is None


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("index.html", True),
        (".env", False),
        (".well-known/ic-domains", True),
        (".git/config", False),
        ("a/.hidden/b", False),
        ("a/.well-known/b", True),
    ],
)
def test_files_whose_names_begin_with_a_dot_are_not_published_unless_they_are_known(
    path: str, expected: bool
) -> None:
    assert settings(root="[]").publishes(path) is expected


def test_rules_decide_what_is_published() -> None:
    found = settings(
        root="""[
            {match: ".secret", ignore: false},
            {match: "drafts", ignore: true},
            {match: "**/*.map", ignore: true},
            {match: "keep/*.map", ignore: false},
        ]""",
        drafts='[{match: "**/*", ignore: false}]',
    )
    assert found.publishes(".secret")
    assert not found.publishes("app.map")
    assert found.publishes("keep/app.map")
    # A folder that is not entered publishes nothing, whatever its own rules say.
    assert not found.publishes("drafts/one.html")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[{match: '*'}", ".ic-assets.json5:1: not JSON5: it ends where a comma or ]"),
        ("{}", ".ic-assets.json5: it is not a list of rules"),
        ("['*']", ".ic-assets.json5: rule 1 is not an object"),
        ("[{}]", ":1: match: a pattern of paths is needed"),
        ("[{match: 1}]", ":1: match: a pattern of paths is needed"),
        ("[{match: '[a'}]", ":1: match: it is no pattern: a [ without its ]"),
        ("[{match: '*',\n max_age: 1}]", ":2: max_age: there is no such field, only match, cache"),
        ("[{match: '*',\n match: 'a'}]", ":2: match: it is there twice"),
        ("[{match: '*',\n cache: 1}]", ":2: cache: it is an object with max_age"),
        ("[{match: '*', cache: {max_age: '1'}}]", "cache: max_age is a whole number of seconds"),
        ("[{match: '*', cache: {max_age: 1.5}}]", "cache: max_age is a whole number of seconds"),
        ("[{match: '*', cache: {max_age: -1}}]", "cache: max_age is from 0 to 2**64 - 1"),
        ("[{match: '*', headers: []}]", "headers: it is an object of names and values, or null"),
        ("[{match: '*', headers: {'a b': ''}}]", "headers: 'a b' is no name of a header"),
        ("[{match: '*', headers: {a: []}}]", "headers: the value of a is no text"),
        ("[{match: '*', headers: {a: 1.5}}]", "headers: the value of a is no text"),
        (r"[{match: '*', headers: {a: 'b\r\nc: d'}}]", "the value of a has a control character"),
        ("[{match: '*', ignore: 1}]", "ignore: it is true or false"),
        ("[{match: '*', allow_raw_access: 'no'}]", "allow_raw_access: it is true or false"),
        ("[{match: '*', encodings: ['zip']}]", "encodings: it is a list of identity, gzip and br"),
        ("[{match: '*', security_policy: 'none'}]", "it is one of disabled, standard, hardened"),
        ("[" + "{match: '*'}," * (MAX_ASSET_RULES + 1) + "]", "(MAX_ASSET_RULES)"),
        ("[" + "{match: '*{a,b}*{c,d}*{e,f}*{g,h}'}," * 100 + "]", "(MAX_ASSET_PATTERNS)"),
        ("[" + "{match: '*a??'}," * 50 + "]", "(MAX_ASSET_PATTERNS)"),
    ],
)
def test_settings_that_cannot_be_obeyed_are_refused_with_file_line_and_field(
    text: str, why: str
) -> None:
    with pytest.raises(SettingsError) as refused:
        settings(root=text)
    assert str(refused.value).startswith("dist/.ic-assets.json5:")
    assert why in str(refused.value)


def test_two_settings_files_of_one_folder_are_refused() -> None:
    texts = {"dist/a/.ic-assets.json": b"[]", "dist/a/.ic-assets.json5": b"[]"}
    with pytest.raises(SettingsError, match=r"folder has \.ic-assets\.json and"):
        Settings("dist/", texts)
    with pytest.raises(SettingsError, match="it is not UTF-8 text"):
        Settings("dist/", {"dist/.ic-assets.json": b"\xff"})


def test_how_many_settings_are_read_is_limited() -> None:
    def file(path: str, size: int = 9) -> Any:
        return {"path": path, "size": size, "sha256": "a" * 64}

    many = [file(f"dist/{number}/.ic-assets.json5") for number in range(17)]
    assert settings_files([*many[:16], file("x/.ic-assets.json")], "dist/") == many[:16]
    assert len(many) == MAX_ASSET_SETTINGS_FILES + 1
    with pytest.raises(SettingsError, match="MAX_ASSET_SETTINGS_FILES"):
        settings_files(many, "dist/")
    large = file("dist/.ic-assets.json5", MAX_ASSET_SETTINGS_BYTES + 1)
    with pytest.raises(SettingsError, match="MAX_ASSET_SETTINGS_BYTES"):
        settings_files([large], "dist/")
