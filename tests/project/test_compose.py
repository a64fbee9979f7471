"""One pipeline of several canisters: stages and deployments of each, comments kept once."""

from __future__ import annotations

from pathlib import Path

import yaml

from dcanary.pipeline import parse_pipeline, to_candid
from dcanary.project import template
from dcanary.project.compose import compose
from dcanary.project.plan.choose import choose, outlook
from dcanary.project.plan.fit import Fit
from dcanary.project.write import pipeline_text
from tests.project.folders import COUNTER_PY, found

MOTOKO = 'import B "mo:base/Nat";\npersistent actor {};\n'
FILES = {
    "dfx.json": """{"canisters": {
"ledger": {"main": "ledger.mo"},
"shop": {"main": "shop.mo", "dependencies": ["ledger", "helper"]},
"helper": {"type": "kybra", "main": "helper.py"}
}}""",
    "mops.toml": '[dependencies]\nbase = "0.14.9"\n',
    "mops.lock": '{"version": 3, "mopsTomlDepsHash": "", "hashes": {}, "deps": {}}',
    "ledger.mo": MOTOKO,
    "shop.mo": MOTOKO,
    "helper.py": COUNTER_PY,
}
APPROVER = "rrkah-fqaaa-aaaaa-aaaaq-cai"


def written(root: Path, files: dict[str, str]) -> tuple[Fit, str]:
    """The pipeline of a folder with these files, and its text."""
    project = found(root, files)
    fit = choose(project, outlook(project))
    return fit, pipeline_text(template.load(fit.template), fit, [])


def test_each_canister_has_its_stage_and_is_deployed_after_those_it_refers_to(
    tmp_path: Path,
) -> None:
    _, text = written(tmp_path / "mono", FILES)
    pipeline = parse_pipeline(text.encode())
    assert pipeline.name == "mono"
    # Both Motoko canisters have the same lock file: it is fetched once.
    assert list(pipeline.stages) == [
        "packages-ledger",
        "build-ledger",
        "build-shop",
        "build-helper",
    ]
    read = yaml.safe_load(text)
    assert read["stages"]["build-shop"]["depends_on"] == ["packages-ledger"]
    record = to_candid(pipeline, "mono", [APPROVER])
    assert [
        (one["target"], one["stage"], one["artifact"], one["depends_on"])
        for one in record["deploys"]
    ] == [
        ("ledger", "build-ledger", "build/ledger.wasm", None),
        ("shop", "build-shop", "build/shop.wasm", ["ledger", "helper"]),
        ("helper", "build-helper", "build/helper.wasm.gz", None),
    ]
    assert [next(iter(one["memory"])) for one in record["deploys"]] == ["Keep", "Keep", "Default"]
    # The largest bound of the templates.
    assert record["gates"] == [{"MaxArtifactBytes": 16 << 20}]


def test_the_comments_of_a_template_are_there_once(tmp_path: Path) -> None:
    _, text = written(tmp_path / "mono", FILES)
    assert text.count("# Made with: dcanary target add") == 1
    assert text.count("# Who approves:") == 1
    assert "\n    # Textual Candid" in text
    assert "from the templates mops, kybra" in text


def test_a_part_that_deploys_nothing_has_its_stages_all_the_same() -> None:
    site = Fit("front-end", {"name": "web"})
    text = compose("all", [("web", site), ("app", Fit("motoko", {"name": "app"}))])
    pipeline = parse_pipeline(text.encode())
    assert list(pipeline.stages) == ["packages-web", "build-web", "build-app"]
    assert [one.target for one in pipeline.deploy] == ["app"]
    alone = parse_pipeline(compose("all", [("web", site)]).encode())
    assert list(alone.deploy) == []


def test_every_template_can_be_a_part() -> None:
    names = [name for name in template.names() if name not in ("monorepo", "library")]
    text = compose("all", [(name, Fit(name, {"name": name})) for name in names])
    pipeline = parse_pipeline(text.encode())
    assert {f"build-{name}" for name in names} - set(pipeline.stages) == {
        "build-static",
        "build-static-canister",
    }
    assert "site-static" in pipeline.stages
