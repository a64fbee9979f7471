"""A front end with settings of its asset canister: from the push to what a browser gets."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from dcanary.cli.operations.watch import state_of
from tests.built import built_canister
from tests.e2e.modules import as_text
from tests.e2e.world import World

MAIN = Path(__file__).resolve().parents[1] / "canisters" / "doubles" / "asset_canister.py"
PIPELINE = """\
version: 1
name: site
on: {push: {branches: [main]}}
stages:
  build:
    runtime: shell
    commands:
      - base64 -d assets.b64 > assets.wasm.gz
      - mkdir -p dist && cp -R public/. dist/
      - echo "console.log('built');" > dist/app.js
      - gzip -9kn dist/app.js
    artifacts: [dist/, assets.wasm.gz]
    resources: {memory: 512MiB, storage: 128MiB, timeout: 2m}
deploy:
  target: site
  stage: build
  artifact: assets.wasm.gz
  assets: dist/
"""
SETTINGS = """\
[
    // As the templates of dfx and icp have it.
    {
        "match": "**/*",
        "security_policy": "standard",
        "allow_raw_access": false,
    },
    {match: "*.js", cache: {max_age: 31536000}, headers: {"X-Frame-Options": "SAMEORIGIN"}},
    {match: "*.js", encodings: ["identity", "gzip"]},
    {match: "**/*.map", ignore: true},
]
"""


def front_end(module: bytes) -> dict[str, str]:
    """The repository; the module is that of the asset canister."""
    return {
        "dcanary.yml": PIPELINE,
        "assets.b64": as_text(module),
        "public/.ic-assets.json5": SETTINGS,
        "public/index.html": "<script src=app.js></script>",
        "public/docs/.ic-assets.json": '[{"match": "*", "headers": {"X-Docs": "yes"}}]',
        "public/docs/about.html": "<h1>About</h1>",
        "public/app.js.map": "{}",
        "public/.well-known/ic-domains": "site.example",
        "public/.env": "SECRET=1",
    }


def get(world: World, canister: str, path: str, accept: str = "identity") -> httpx.Response:
    """A file through the gateway, as a browser gets it that takes this encoding."""
    port = httpx.URL(world.running.url).port
    headers = {"host": f"{canister}.localhost:{port}", "accept-encoding": accept}
    return httpx.get(f"http://127.0.0.1:{port}{path}", headers=headers, timeout=30)


@pytest.fixture(scope="module")
def module() -> bytes:
    return built_canister(MAIN, "assets").wasm_gz


@pytest.mark.timeout(900)
def test_headers_of_the_settings_are_approved_and_reach_the_browser(
    world: World, module: bytes
) -> None:
    check_front_end(world, module)


def check_front_end(world: World, module: bytes) -> None:
    repository = world.add_repository("site", front_end(module))
    run = world.push(repository)
    approval = world.approval_of(run)["approval"]
    shown = world.run("approval", "show", approval)
    assert shown.returncode == 0, shown.stderr
    for line in (
        "files: 4 added, 0 changed, 0 removed, 0 same",
        "how they are served:",
        "    [1] 2 files",
        "+ raw access: no",
        "+ X-Docs: yes",
        "+ max-age: 31,536,000 seconds",
        "+ X-Frame-Options: SAMEORIGIN",
        "gzip 4",
    ):
        assert line in shown.stdout, shown.stdout
    released = world.end_of_release(world.approve(run))
    assert state_of(released) == "Succeeded", released["state"]
    canister = released["canister"]

    page = get(world, canister, "/index.html")
    assert (page.status_code, page.text) == (200, "<script src=app.js></script>")
    assert page.headers["x-frame-options"] == "DENY"
    assert page.headers["content-security-policy"].startswith("default-src 'self';")
    assert "cache-control" not in page.headers
    script = get(world, canister, "/app.js")
    assert script.text == "console.log('built');\n"
    assert script.headers["x-frame-options"] == "SAMEORIGIN"
    assert script.headers["cache-control"] == "max-age=31536000"
    packed = get(world, canister, "/app.js", "gzip")
    assert (packed.headers["content-encoding"], packed.text) == ("gzip", script.text)
    assert "content-encoding" not in script.headers
    about = get(world, canister, "/docs/about.html")
    assert (about.headers["x-docs"], about.headers["x-frame-options"]) == ("yes", "DENY")
    assert get(world, canister, "/.well-known/ic-domains").text == "site.example"
    for path, content in (
        ("/app.js.map", "{}"),
        ("/.env", "SECRET"),
        ("/.ic-assets.json5", "security_policy"),
        ("/docs/.ic-assets.json", "match"),
    ):
        assert content not in get(world, canister, path).text, path

    # Other settings alone: the files stay, what browsers are told changes.
    repository.commit({"public/.ic-assets.json5": SETTINGS.replace("31536000", "60")})
    second = world.push(repository)
    approval = world.approval_of(second)["approval"]
    shown = world.run("--json", "approval", "show", approval)
    changes = {one["key"]: one["change"] for one in json.loads(shown.stdout)["files"]}
    assert changes.pop("/app.js") == "changed"
    assert set(changes.values()) == {"same"}
    released = world.end_of_release(world.approve(second))
    assert state_of(released) == "Succeeded", released["state"]
    assert get(world, canister, "/app.js").headers["cache-control"] == "max-age=60"

    assert world.run("release", "rollback", released["release"], "--yes").returncode == 0
    assert get(world, canister, "/app.js").headers["cache-control"] == "max-age=31536000"
