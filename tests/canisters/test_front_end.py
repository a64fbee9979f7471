"""A front end from the push to the files of its asset canister, in the real canisters."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from dcanary.pipeline import parse_pipeline, to_candid
from shared.rules.assets import assets_digest
from tests.canisters.deployment.management import Canister
from tests.canisters.installation import DOUBLES, ok
from tests.canisters.test_run_to_release import Deploying
from tests.security.system import APPROVER, CONTENT, EXECUTORS, FILE, OWNER

PIPELINE = f"""\
version: 1
name: site
on: {{push: {{branches: ["*"]}}}}
stages:
  build: {{runtime: shell, commands: ["true"], artifacts: [{FILE["path"]}, dist/]}}
deploy:
  target: demo
  stage: build
  artifact: {FILE["path"]}
  assets: dist
"""


class Site(Deploying):
    """A system whose target is an asset canister that runs another module yet."""

    def prepare(self) -> None:
        super().prepare()
        self.files = self.network.install(DOUBLES / "asset_canister.py", caller=OWNER)
        controllers = [self.canisters["deployment"].id.bytes, OWNER.bytes]
        self.canister = Canister(self.files.id.bytes, controllers, 10**12, b"old", "old")
        self.management.add(self.canister)
        target = {
            **{"target": "demo", "repository": "demo", "network": "local"},
            **{"canister": self.files.id, "controllers": [], "cycles": 0},
        }
        ok(self.own("deployment", "update_target", target))
        definition = to_candid(parse_pipeline(PIPELINE.encode()), "demo", [APPROVER.to_str()])
        definition["approval"]["approvers"] = [APPROVER]
        ok(self.own("pipeline_config", "update_pipeline", definition))
        self.run_until_idle()

    def build(self, files: dict[str, bytes], delivery: str = "d-1") -> str:
        """A run that agreed on the module and on these files."""
        run = self.push(delivery)
        content = {str(FILE["path"]): CONTENT, **files}
        agreed = [
            {"path": path, "size": len(each), "sha256": hashlib.sha256(each).hexdigest()}
            for path, each in sorted(content.items())
        ]
        job = self.vote(agreed)[0]
        build_executor, executor = self.canisters["build_executor"], EXECUTORS[0]
        assert self.lease(executor, job)["Upload"]["job"] == job
        for path, each in content.items():
            chunk = {"run": run, "stage": "build", "path": path, "index": 0, "content": each}
            ok(build_executor.update("upload_chunk", chunk, caller=executor))
            ok(build_executor.update("finish_upload", run, "build", path, caller=executor))
        self.run_until_idle()
        return run

    def content(self) -> dict[str, bytes]:
        keys = self.files.query("keys")
        return {key: bytes(self.files.query("content", key)) for key in keys}


@pytest.fixture
def site() -> Site:
    return Site()


def listed(site: Site, number: int) -> Any:
    return ok(site.canisters["verification"].query("get_assets", f"approval-{number}"))


def test_people_approve_the_agreed_files_and_the_target_gets_them(site: Site) -> None:
    run = site.build({"dist/index.html": b"<h1>one</h1>", "dist/js/app.js": b"1"})
    order = site.approval()["order"]
    assert [one["key"] for one in listed(site, 1)] == ["/index.html", "/js/app.js"]
    assert order["assets"] == {
        "folder": "dist/",
        "digest": assets_digest(listed(site, 1)),
        "files": 2,
        "bytes": 13,
    }
    ok(site.decide())
    site.network.advance(1_200)
    assert site.run(run)["state"] == {"Succeeded": None}
    assert site.content() == {"/index.html": b"<h1>one</h1>", "/js/app.js": b"1"}

    second = site.build({"dist/index.html": b"<h1>two</h1>"}, "d-2")
    assert site.approval(2)["digest"] != site.approval(1)["digest"]
    ok(site.decide(2))
    site.network.advance(1_200)
    assert site.run(second)["state"] == {"Succeeded": None}
    assert site.content() == {"/index.html": b"<h1>two</h1>"}


SETTINGS = b"""[
    {match: "**/*", security_policy: "standard", cache: {max_age: 600}},
    {match: "*.map", ignore: true},
]"""


def test_people_approve_how_the_files_are_served_and_the_target_serves_them_so(
    site: Site,
) -> None:
    files = {"dist/index.html": b"<h1>one</h1>", "dist/app.js": b"1", "dist/app.js.map": b"{}"}
    run = site.build({**files, "dist/.ic-assets.json5": SETTINGS})
    found = listed(site, 1)
    assert [one["key"] for one in found] == ["/app.js", "/index.html"]
    order = site.approval()["order"]
    assert order["assets"]["digest"] == assets_digest(found)
    names = [one["name"] for one in found[1]["properties"]["headers"]]
    assert (names[0], len(names)) == ("Content-Security-Policy", 7)
    ok(site.decide())
    site.network.advance(1_200)
    assert site.run(run)["state"] == {"Succeeded": None}
    assert site.content() == {"/index.html": b"<h1>one</h1>", "/app.js": b"1"}
    served = site.files.query("get_asset_properties", "/app.js")
    assert (served["max_age"], served["allow_raw_access"]) == (600, True)
    assert [name for name, _ in served["headers"]] == names

    # The same files with other settings are another order.
    second = site.build({**files, "dist/.ic-assets.json5": SETTINGS.replace(b"600", b"60")}, "d-2")
    assert site.approval(2)["order"]["assets"]["digest"] != order["assets"]["digest"]
    ok(site.decide(2))
    site.network.advance(1_200)
    assert site.run(second)["state"] == {"Succeeded": None}
    assert site.files.query("get_asset_properties", "/app.js")["max_age"] == 60
    assert listed(site, 1) == found


def test_a_release_whose_files_fail_fails_its_run_and_can_be_ordered_again(site: Site) -> None:
    run = site.build({"dist/index.html": b"<h1>one</h1>"})
    site.files.update("mood", "commit", "not today", caller=OWNER)
    ok(site.decide())
    site.network.advance(1_200)
    assert "not today" in site.run(run)["state"]["Failed"]
    assert (site.canister.module, site.content()) == (b"old", {})
    site.files.update("mood", "commit", "", caller=OWNER)
    ok(site.own("verification", "retry_release", "approval-1"))
    site.network.advance(1_200)
    assert site.run(run)["state"] == {"Succeeded": None}
    assert site.content() == {"/index.html": b"<h1>one</h1>"}


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({}, "no agreed file is below dist/"),
        (
            {"dist/index.html": b"1", "dist/.ic-assets.json5": b"[{match: '*',\n headers: 1}]"},
            "dist/.ic-assets.json5:2: headers: it is an object of names and values, or null",
        ),
        (
            {"dist/a.map": b"1", "dist/.ic-assets.json": b'[{"match": "*", "ignore": true}]'},
            "no agreed file below dist/ is published: its settings ignore them all",
        ),
    ],
)
def test_nobody_is_asked_about_files_that_cannot_be_served(
    site: Site, files: dict[str, bytes], why: str
) -> None:
    run = site.build(files)
    assert why in site.run(run)["state"]["Failed"]
    page = {"cursor": None, "limit": 0}
    assert ok(site.canisters["verification"].query("list_approvals", page))["items"] == []
