"""Releases that put files into an asset canister, through the real deployment canister."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from dcanary.testing.native import NoAnswer
from tests.canisters.deployment.asset_lists import listed
from tests.canisters.deployment.asset_target import SITE, AssetTarget
from tests.canisters.deployment.deployment_installation import NEW, OLD, OWNER

COUNTER = Path(__file__).resolve().parent / "counter.py"


@pytest.fixture
def site() -> AssetTarget:
    return AssetTarget()


def stored(site: AssetTarget) -> list[int]:
    """How many records of files deployment keeps."""
    with site.canary.deployment.looking():
        store = site.canary.deployment.module("canisters.deployment.store")
        return [store.assets.len(), store.asset_work.len(), store.asset_gone.len()]


def check_undone(site: AssetTarget, release: str, before: dict[str, bytes]) -> str:
    """The release failed and everything is as it was before; why it failed."""
    reason = site.canary.failure(release)
    assert site.content() == before
    assert (site.canister.module, site.canister.status) == (OLD, "running")
    shown = site.canary.shown()
    assert shown["busy"] is None
    assert shown["last_release"] is None
    assert "The target keeps its module and state." in reason
    assert stored(site) == [0, 0, 0]
    return reason


def test_the_target_gets_exactly_the_approved_files(site: AssetTarget) -> None:
    release = site.release(SITE)
    assert site.canary.state(release) == {"Succeeded": None}
    assert site.content() == SITE
    assert site.canister.module == NEW
    assert stored(site) == [0, 0, 0]
    shown = site.canary.deployment.query("get_release", release)["Ok"]
    assert shown["order"]["order"]["assets"]["files"] == len(SITE)


def test_a_second_release_sends_what_changed_and_takes_out_what_is_gone(site: AssetTarget) -> None:
    site.release(SITE)
    sent = site.files.query("chunks_taken")
    after = {"/index.html": b"<h1>two</h1>", "/assets/app.js": SITE["/assets/app.js"]}
    after["/new.css"] = b"h1 { color: red }"
    release = site.release(after, b"newer module")
    assert site.canary.state(release) == {"Succeeded": None}
    assert site.content() == after
    assert site.files.query("chunks_taken") == sent + 2


def test_a_rollback_brings_the_files_of_before_back(site: AssetTarget) -> None:
    site.release(SITE)
    second = site.release({"/index.html": b"<h1>two</h1>"}, b"newer module")
    assert site.content() == {"/index.html": b"<h1>two</h1>"}
    assert "Ok" in site.canary.admin("rollback_release", second, None)
    site.canary.run_until_idle()
    assert site.canary.state(second) == {"RolledBack": None}
    assert site.content() == SITE


def test_files_of_others_with_other_properties_are_replaced(site: AssetTarget) -> None:
    site.put("/index.html", SITE["/index.html"], age=7)
    site.put("/assets/app.js", SITE["/assets/app.js"], kind="text/plain")
    site.put("/secret.txt", b"left by hand")
    release = site.release(SITE)
    assert site.canary.state(release) == {"Succeeded": None}
    assert site.content() == SITE
    assert site.files.query("chunks_taken") == len(SITE)


def test_more_files_than_one_page_lists_are_compared_whole(site: AssetTarget) -> None:
    many = {f"/page{number:03}.html": b"%d" % number for number in range(40)}
    for key, content in list(many.items())[:25]:
        site.put(key, content)
    for number in range(9):
        site.put(f"/old{number}.html", b"old")
    release = site.release(many)
    assert site.canary.state(release) == {"Succeeded": None}
    assert site.content() == many
    assert site.files.query("chunks_taken") == 15


def test_a_file_of_several_chunks_arrives_whole(site: AssetTarget) -> None:
    large = {"/film.mp4": random.Random(3).randbytes(2_500_000), "/z.txt": b"z"}
    release = site.release(large)
    assert site.canary.state(release) == {"Succeeded": None}
    assert site.content() == large
    assert site.files.query("chunks_taken") == 4


def test_an_empty_canister_gets_module_and_files(site: AssetTarget) -> None:
    empty = AssetTarget(module=None)
    release = empty.release(SITE)
    assert empty.canary.state(release) == {"Succeeded": None}
    assert empty.content() == SITE


def test_other_bytes_than_approved_are_not_committed(site: AssetTarget) -> None:
    site.put("/index.html", b"before")
    before = site.content()
    order = site.order(SITE)
    site.canary.build_executor.update(
        "hold", order["run"], "dist/index.html", "0", b"<h1>bad</h1>", caller=OWNER
    )
    release = site.canary.start(order)["Ok"]
    site.canary.run_until_idle()
    reason = check_undone(site, release, before)
    assert "the bytes of dist/index.html have sha256" in reason


def test_a_list_that_is_not_the_approved_one_is_refused_at_once(site: AssetTarget) -> None:
    order = site.order(SITE)
    order["assets"] = listed({**SITE, "/index.html": b"another"})
    refused = site.canary.start(order)
    assert "the files have digest" in refused["Err"]["Conflict"]
    order["assets"] = None
    assert "none were sent" in site.canary.start(order)["Err"]["Conflict"]
    plain = site.canary.order()
    plain["assets"] = listed(SITE)
    assert "names no files" in site.canary.start(plain)["Err"]["Conflict"]
    assert site.canary.management.calls == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("list", "the module does not list its files as an asset canister does: "),
        ("batch", "the canister takes no files: "),
        ("chunk", ""),
        ("commit", ""),
    ],
)
def test_a_canister_that_refuses_is_put_back_with_its_reason(
    site: AssetTarget, name: str, said: str
) -> None:
    site.put("/index.html", b"before")
    before = site.content()
    site.mood(name, "not today")
    # The snapshot is taken after the mood is set, and has it too.
    release = site.release(SITE)
    reason = check_undone(site, release, before)
    assert f"Uploading: {said}" in reason
    assert "not today" in reason


def test_a_module_without_files_is_put_back_and_the_reason_says_so() -> None:
    site = AssetTarget(main=COUNTER)
    release = site.release(SITE)
    reason = site.canary.failure(release)
    assert "does not list its files as an asset canister does" in reason
    assert (site.canister.module, site.canister.status) == (OLD, "running")


def test_a_canister_that_lies_about_a_hash_is_put_back(site: AssetTarget) -> None:
    site.mood("hashes", "/index.html")
    release = site.release(SITE)
    reason = check_undone(site, release, {})
    assert "'/index.html' is not as approved, though the canister took the files" in reason


def test_a_commit_that_does_nothing_is_found_out(site: AssetTarget) -> None:
    site.mood("forgets", "all")
    reason = check_undone(site, site.release(SITE), {})
    assert "is missing, though the canister took the files" in reason


def test_a_failed_first_install_leaves_the_canister_empty_for_the_next() -> None:
    site = AssetTarget(module=None)
    site.mood("list", "not today")
    release = site.release(SITE)
    reason = site.canary.failure(release)
    assert "The canister stays, without a module" in reason
    assert site.canister.module is None
    site.mood("list", "")
    again = site.release(SITE)
    assert site.canary.state(again) == {"Succeeded": None}


def test_what_cannot_be_put_back_is_said(site: AssetTarget) -> None:
    site.mood("list", "not today")
    site.canary.management.faults["load_canister_snapshot"] = ["reject"] * 4
    release = site.release(SITE)
    reason = site.canary.failure(release)
    assert "And what ran before could not be put back" in reason
    assert "The canister has the new module." in reason
    assert (site.canister.module, site.canister.status) == (NEW, "running")
    assert site.canary.shown()["last_release"] == release
    assert "Ok" in site.canary.admin("rollback_release", release, None)
    site.canary.run_until_idle()
    assert site.canister.module == OLD


def test_a_batch_that_expires_is_begun_again(site: AssetTarget) -> None:
    site.mood("expires", "2")
    release = site.release(SITE)
    assert site.canary.state(release) == {"Succeeded": None}
    assert site.content() == SITE


def test_batches_that_expire_always_end_the_release(site: AssetTarget) -> None:
    site.mood("chunk", "batch not found")
    reason = check_undone(site, site.release(SITE), {})
    assert "batch not found" in reason
    assert site.files.query("chunks_taken") == 0


def test_a_canister_without_permissions_works_for_who_installed_it(site: AssetTarget) -> None:
    site.mood("permit", "Canister has no update method 'grant_permission'")
    reason = check_undone(site, site.release(SITE), {})
    assert "Caller does not have Commit permission" in reason
    site.mood("permit", "")
    site.files.update(
        "grant_permission",
        {"to_principal": site.canary.deployment.id, "permission": {"Commit": None}},
        caller=OWNER,
    )
    site.mood("permit", "Canister has no update method 'grant_permission'")
    release = site.release(SITE)
    assert site.canary.state(release) == {"Succeeded": None}


def test_the_books_know_that_the_module_was_put_back(site: AssetTarget) -> None:
    first = site.release(SITE)
    site.mood("list", "not today")
    failed = site.release({"/index.html": b"two"}, b"newer module")
    assert "not today" in site.canary.failure(failed)
    shown = site.canary.shown()
    assert shown["last_release"] == first
    assert site.canister.module == NEW
    refused = site.canary.admin("rollback_release", failed, None)
    assert "installed nothing" in refused["Err"]["Conflict"]
    site.mood("list", "")
    third = site.release({"/index.html": b"three"}, b"newest module")
    assert site.canary.state(third) == {"Succeeded": None}


def never_answer(site: AssetTarget) -> None:
    def silent(call: object) -> bytes:
        raise NoAnswer

    site.canary.network.management["raw_rand"] = silent


def test_a_commit_without_an_answer_that_was_done_is_looked_at(site: AssetTarget) -> None:
    never_answer(site)
    site.mood("silent", "after")
    release = site.release(SITE)
    assert site.canary.state(release) == {"Succeeded": None}
    assert site.content() == SITE
    assert site.files.query("chunks_taken") == len(SITE)


def test_commits_without_answers_that_are_not_done_end_the_release(site: AssetTarget) -> None:
    never_answer(site)
    site.mood("silent", "before")
    reason = check_undone(site, site.release(SITE), {})
    assert "no answer came in time" in reason


def test_an_upgrade_at_any_message_loses_no_file(site: AssetTarget) -> None:
    """Also in the middle of a file of several chunks, whose hash is begun again."""
    film = random.Random(5).randbytes(2_100_000)
    site.release({"/index.html": b"0"})
    for at in range(17, 54, 2):
        files = {"/index.html": b"%d" % at, "/film.mp4": film[at:], f"/{at}.txt": b"t"}
        release = site.canary.start(site.order(files, b"module %d" % at))["Ok"]
        site.go_on(at)
        assert "Succeeded" not in site.canary.state(release), at
        site.canary.deployment.upgrade()
        site.canary.run_until_idle()
        assert site.canary.state(release) == {"Succeeded": None}, at
        assert site.content() == files, at
    assert stored(site) == [0, 0, 0]


def test_what_somebody_else_installed_meanwhile_is_not_undone(site: AssetTarget) -> None:
    site.mood("list", "not today")
    site.canary.after("start_canister", lambda: site.canister.changed_by_hand(b"theirs", "theirs"))
    release = site.release(SITE)
    state = site.canary.state(release)
    assert "not today" in state["ConcurrentChange"]
    assert "changed by somebody else" in state["ConcurrentChange"]
    assert (site.canister.module, site.canister.status) == (b"theirs", "running")
    assert stored(site) == [0, 0, 0]


def test_a_release_that_never_begins_leaves_no_list_behind(site: AssetTarget) -> None:
    site.canary.management.faults["canister_info"] = ["ignored"] * 2
    first = site.canary.start(site.order(SITE))["Ok"]
    second = site.canary.start(site.order({"/index.html": b"two"}))["Ok"]
    assert stored(site)[0] == 2
    assert "Ok" in site.canary.admin("cancel_release", second)
    assert stored(site)[0] == 1
    site.canary.run_until_idle()
    assert site.canary.state(first) == {"Succeeded": None}
    assert stored(site) == [0, 0, 0]
