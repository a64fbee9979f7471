"""Releases that say how files are served, through the real deployment canister."""

from __future__ import annotations

import gzip
import random
from typing import Any

import pytest

from tests.canisters.deployment.asset_lists import listed
from tests.canisters.deployment.asset_target import SITE, AssetTarget
from tests.canisters.deployment.deployment_installation import OLD

SETTINGS = """[
    {match: "**/*", cache: {max_age: 600}, headers: {"X-Frame-Options": "DENY", A: "b"}},
    {match: "*.html", allow_raw_access: false, enable_aliasing: false},
]"""
HEADERS = [("A", "b"), ("X-Frame-Options", "DENY")]
COOKIE = ("Set-Cookie", "ic_env=x; SameSite=Lax")
PAGE = {
    "max_age": 600,
    "headers": [*HEADERS, COOKIE],
    "allow_raw_access": False,
    "is_aliased": False,
}
SCRIPT = {"max_age": 600, "headers": HEADERS, "allow_raw_access": True, "is_aliased": None}


@pytest.fixture(params=["listed", "untold"])
def site(request: pytest.FixtureRequest) -> AssetTarget:
    """A target that lists properties, and one of before 2026 that tells them when asked."""
    made = AssetTarget()
    if request.param == "untold":
        made.mood("untold", "yes")
    return made


def check_served(site: AssetTarget) -> None:
    assert site.content() == SITE
    assert site.properties("/index.html") == PAGE
    assert site.properties("/assets/app.js") == SCRIPT


def properties_kept(site: AssetTarget) -> int:
    with site.canary.deployment.looking():
        store = site.canary.deployment.module("canisters.deployment.store")
        return int(store.asset_properties.len())


def test_files_get_the_approved_properties(site: AssetTarget) -> None:
    release = site.release(SITE, settings=SETTINGS)
    assert site.canary.state(release) == {"Succeeded": None}
    check_served(site)
    assert properties_kept(site) == 0


def test_other_properties_are_set_without_sending_the_files_again(site: AssetTarget) -> None:
    first = SETTINGS.replace("600", "60").replace('A: "b"', 'C: "d"')
    site.release(SITE, settings=first.replace("false", "true"))
    assert site.properties("/index.html")["is_aliased"] is True
    sent = site.files.query("chunks_taken")
    release = site.release(SITE, b"newer module", settings=SETTINGS)
    assert site.canary.state(release) == {"Succeeded": None}
    # A file whose aliases are as the canister does by default has them said when they are set.
    assert site.properties("/assets/app.js") == dict(SCRIPT, is_aliased=True)
    assert site.properties("/index.html") == PAGE
    assert site.files.query("chunks_taken") == sent
    again = site.release(SITE, b"newest module", settings=SETTINGS)
    assert site.canary.state(again) == {"Succeeded": None}
    assert site.files.query("chunks_taken") == sent


def test_a_max_age_is_taken_away_with_its_file(site: AssetTarget) -> None:
    site.release(SITE, settings=SETTINGS)
    sent = site.files.query("chunks_taken")
    release = site.release(SITE, b"newer module", settings=SETTINGS.replace("max_age: 600", ""))
    assert site.canary.state(release) == {"Succeeded": None}
    assert site.properties("/assets/app.js") == dict(SCRIPT, max_age=None)
    assert site.files.query("chunks_taken") == sent + len(SITE)


def test_properties_go_with_the_settings_that_gave_them(site: AssetTarget) -> None:
    site.release(SITE, settings=SETTINGS)
    release = site.release(SITE, b"newer module")
    assert site.canary.state(release) == {"Succeeded": None}
    assert site.properties("/assets/app.js") == {
        **{"max_age": None, "headers": None, "allow_raw_access": None, "is_aliased": None}
    }
    assert site.properties("/index.html")["headers"] == [COOKIE]
    sent = site.files.query("chunks_taken")
    again = site.release(SITE, b"newest module")
    assert site.canary.state(again) == {"Succeeded": None}
    assert site.files.query("chunks_taken") == sent


def test_what_others_changed_is_set_back(site: AssetTarget) -> None:
    for key, content in SITE.items():
        site.put(key, content, kind=dict(listed_types())[key])
    release = site.release(SITE, settings=SETTINGS)
    assert site.canary.state(release) == {"Succeeded": None}
    assert site.properties("/index.html") == PAGE
    assert site.properties("/assets/app.js")["headers"] == HEADERS
    assert site.files.query("chunks_taken") == 0


def listed_types() -> Any:
    return [(one["key"], one["content_type"]) for one in listed(SITE)]


def test_a_rollback_brings_the_properties_of_before_back(site: AssetTarget) -> None:
    site.release(SITE, settings=SETTINGS)
    second = site.release(SITE, b"newer module", settings="[]")
    assert site.properties("/assets/app.js")["max_age"] is None
    assert "Ok" in site.canary.admin("rollback_release", second, None)
    site.canary.run_until_idle()
    assert site.canary.state(second) == {"RolledBack": None}
    check_served(site)


def test_a_canister_that_does_not_keep_properties_is_found_out(site: AssetTarget) -> None:
    site.mood("plain", "all")
    reason = site.canary.failure(site.release(SITE, settings=SETTINGS))
    assert "though the canister took the files" in reason
    assert site.content() == {}
    assert site.canister.module == OLD


def test_a_canister_that_does_not_tell_properties_is_put_back() -> None:
    site = AssetTarget()
    site.mood("untold", "yes")
    site.mood("properties", "no such method")
    reason = site.canary.failure(site.release(SITE, settings=SETTINGS))
    assert "asked for the properties of '/assets/app.js': " in reason
    assert "no such method" in reason
    assert site.content() == {}


SCRIPT_TEXT = b"let one = 1; " * 200
PACKED = "[{match: '**/*.js', encodings: ['identity', 'gzip']}]"


def with_gzip(packed: bytes | None = None) -> dict[str, bytes]:
    """A site whose script is there in gzip too."""
    made = gzip.compress(SCRIPT_TEXT, mtime=0) if packed is None else packed
    return {"/index.html": b"<h1>", "/app.js": SCRIPT_TEXT, "/app.js.gz": made}


def test_an_agreed_file_in_gzip_is_stored_beside_the_one_that_it_is(site: AssetTarget) -> None:
    files = with_gzip()
    release = site.release(files, settings=PACKED)
    assert site.canary.state(release) == {"Succeeded": None}
    assert site.content() == {"/index.html": b"<h1>", "/app.js": SCRIPT_TEXT}
    assert bytes(site.files.query("packed", "/app.js")) == files["/app.js.gz"]
    assert site.files.query("chunks_taken") == 3
    again = site.release(files, b"newer module", settings=PACKED)
    assert site.canary.state(again) == {"Succeeded": None}
    assert site.files.query("chunks_taken") == 3
    # Without the rule both are files, and the script is there as it is alone.
    plain = site.release(files, b"newest module", settings="[]")
    assert site.canary.state(plain) == {"Succeeded": None}
    assert site.content() == files
    assert site.files.query("packed", "/app.js") is None


@pytest.mark.parametrize(
    "packed",
    [
        gzip.compress(b"let two = 2", mtime=0),
        gzip.compress(SCRIPT_TEXT + b"more", mtime=0),
        gzip.compress(SCRIPT_TEXT, mtime=0)[:-9],
        gzip.compress(SCRIPT_TEXT, mtime=0) + b"more",
        gzip.compress(b"0" * 30_000_000, mtime=0),
        b"no gzip at all",
        b"",
    ],
    ids=["another", "longer", "cut off", "followed", "bomb", "no gzip", "empty"],
)
def test_a_file_in_gzip_that_unpacks_to_something_else_ends_the_release(packed: bytes) -> None:
    site = AssetTarget()
    release = site.release(with_gzip(packed), settings=PACKED)
    reason = site.canary.failure(release)
    assert "the bytes of dist/app.js.gz do not unpack to those of /app.js" in reason
    assert site.content() == {}
    assert site.canister.module == OLD


def test_a_large_file_in_gzip_is_unpacked_over_its_chunks() -> None:
    site = AssetTarget()
    film = random.Random(4).randbytes(1_300_000)
    files = {"/film.js": film, "/film.js.gz": gzip.compress(film, mtime=0)}
    release = site.release(files, settings=PACKED)
    assert site.canary.state(release) == {"Succeeded": None}
    assert bytes(site.files.query("packed", "/film.js")) == files["/film.js.gz"]
    assert site.files.query("chunks_taken") == 4


def test_properties_that_are_not_the_approved_ones_are_refused_at_once() -> None:
    site = AssetTarget()
    order = site.order(SITE, settings=SETTINGS)
    order["assets"][0]["properties"]["headers"] = []
    assert "the files have digest" in site.canary.start(order)["Err"]["Conflict"]
    assert site.canary.management.calls == []


def test_work_that_an_earlier_version_began_goes_on() -> None:
    """What it stored has none of the fields for properties."""
    site = AssetTarget()
    release = site.canary.start(site.order(SITE))["Ok"]
    old = {"restyled": None, "untold": None, "asking": None}
    rewritten = 0
    while "Succeeded" not in site.canary.state(release):
        site.go_on(1)
        with site.canary.deployment.looking():
            store = site.canary.deployment.module("canisters.deployment.store")
            for number, work in store.asset_work_map.items():
                store.asset_work_map.insert(number, {**work, **old})
                rewritten += 1
    site.canary.run_until_idle()
    assert rewritten > 10
    assert site.canary.state(release) == {"Succeeded": None}
    assert site.content() == SITE


def test_an_upgrade_at_any_message_loses_no_property() -> None:
    site = AssetTarget()
    site.mood("untold", "yes")
    site.release({"/index.html": b"0"})
    for at in range(17, 44, 2):
        settings = SETTINGS.replace("600", str(at))
        files = {**SITE, "/index.html": b"%d" % at}
        order = site.order(files, b"module %d" % at, settings=settings)
        release = site.canary.start(order)["Ok"]
        site.go_on(at)
        assert "Succeeded" not in site.canary.state(release), at
        site.canary.deployment.upgrade()
        site.canary.run_until_idle()
        assert site.canary.state(release) == {"Succeeded": None}, at
        assert site.properties("/index.html") == dict(PAGE, max_age=at), at
    assert properties_kept(site) == 0
