"""Every record that an earlier release wrote is read by today's sources, and nothing of it is lost.

What to do when this fails is said in the failure and in docs/contributing/change-a-record.md.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dcanary.client.system import CANISTERS
from dcanary.testing.native import NativeCanister, NativeNetwork, Principal
from tests.canisters.installation import CANISTERS as SOURCES
from tests.canisters.upgrade.recorded import recorded, versions

WHAT_TO_DO = """
Bytes in stable memory cannot gain a value for a field that they were written without:
- a new field of a stored type, at any depth, must be Opt;
- when code needs it filled, raise the record's version in records.py and register a migration
  (`@RUN.since(1)`, shared/base/migration.py);
- nothing that was stored may be renamed, removed or given another type: add a new field;
- a release records its own fixture: tests/fixtures/stable/record.py.
See docs/contributing/change-a-record.md."""

each_fixture = pytest.mark.parametrize("version", versions())
each_canister = pytest.mark.parametrize("name", CANISTERS)


def upgraded(version: str, name: str, sources: Path = SOURCES) -> NativeCanister:
    """Today's canister, going on from the recorded stable memory."""
    fixture = recorded(version)
    network = NativeNetwork(fixture.time_ns)
    canister = network.install(
        sources / name / "main.py", canister_id=Principal.from_str(fixture.ids[name])
    )
    canister.go_on_from(fixture.stable[name])
    return canister


def stored_types(canister: NativeCanister) -> Iterator[tuple[str, Any, Any]]:
    """(map, type of its values as they were written, today's type) for each way of writing."""
    parse = canister.module("kybra._wire").parse_header
    for stable_map in canister.module("kybra._runtime").declared.maps:
        tree = stable_map._open()
        if tree is None:
            continue
        now = stable_map._value_candid.types[0]
        for schema in sorted({schema for _, schema, _ in tree.scan()}):
            (written,), _ = parse(tree.stable.schema(schema))
            yield f"memory {stable_map.memory_id}", written, now


def unreadable(written: Any, now: Any, types: Any, place: str, seen: set[Any]) -> list[str]:
    """What of `written` today's type loses, or asks for and cannot find.

    Stricter than Candid, which reads an `opt` whose content does not fit as null: that would lose
    the record without a word.
    """
    if (id(written), id(now)) in seen:
        return []
    seen.add((id(written), id(now)))
    if now.kind == types.OPT:
        inner = written.inner if written.kind == types.OPT else written
        return unreadable(inner, now.inner, types, place, seen)
    if written.kind != now.kind:
        return [f"{place}: was {types.type_name(written)}, is {types.type_name(now)}"]
    if written.kind == types.VEC:
        return unreadable(written.inner, now.inner, types, f"{place}[]", seen)
    if written.kind not in (types.RECORD, types.VARIANT):
        return []
    names = {field.hash: str(field.label) for field in now.fields}
    found = []
    for field in written.fields:
        today = now.by_hash.get(field.hash)
        if today is None:
            found.append(f"{place}: the field or case with hash {field.hash} is gone")
        else:
            inner_place = f"{place}.{names[field.hash]}"
            found += unreadable(field.type, today.type, types, inner_place, seen)
    if written.kind == types.RECORD:
        for field in now.fields:
            new = field.hash not in written.by_hash
            if new and field.type.kind not in (types.OPT, types.NULL, types.RESERVED):
                found.append(f"{place}.{field.label}: new and not Opt")
    return found


def problems_of(canister: NativeCanister) -> list[str]:
    """What today's types lose of the records, or ask for in vain."""
    types = canister.module("kybra._types")
    with canister.looking():
        return [
            problem
            for place, written, now in stored_types(canister)
            for problem in unreadable(written, now, types, place, set())
        ]


@each_canister
@each_fixture
def test_no_stored_type_has_changed_in_a_way_that_loses_records(version: str, name: str) -> None:
    found = problems_of(upgraded(version, name))
    assert not found, "\n".join([f"records of {name}, written by {version}:", *found, WHAT_TO_DO])


@each_canister
@each_fixture
def test_every_recorded_record_is_read_in_todays_form(version: str, name: str) -> None:
    canister = upgraded(version, name)
    store = canister.module(f"canisters.{name}.store")
    versioned = canister.module("shared.base.migration").Versioned
    with canister.looking():
        read = 0
        for stable_map in canister.module("kybra._runtime").declared.maps:
            try:
                read += len(stable_map.items())
            except Exception as error:
                pytest.fail(f"{name} of {version}: {error}{WHAT_TO_DO}")
        for each in vars(store).values():
            if isinstance(each, versioned):
                for _, record in each.items():
                    assert record["version"] == each.versions.current, each.versions.record
    assert read > 10


@each_canister
def test_each_version_of_a_record_leads_on_to_the_next(name: str) -> None:
    canister = NativeNetwork().install(SOURCES / name / "main.py")
    versioned = canister.module("shared.base.migration").Versioned
    for each in vars(canister.module(f"canisters.{name}.store")).values():
        if isinstance(each, versioned):
            missing = each.versions.missing()
            assert not missing, f"{each.versions.record}: no migration from {missing}"


@each_canister
def test_a_fixture_has_a_record_in_every_map_of_its_release(name: str) -> None:
    """Else a change of that map's type would pass unseen."""
    canister = upgraded("0.1.0", name)
    with canister.looking():
        empty = {
            stable_map.memory_id
            for stable_map in canister.module("kybra._runtime").declared.maps
            if stable_map.is_empty() and stable_map.memory_id < LAST_MEMORY_OF_0_1_0[name]
        }
    assert empty == EMPTY_IN_0_1_0.get(name, set())


LAST_MEMORY_OF_0_1_0 = {
    "webhook": 12,
    "pipeline_config": 9,
    "build_executor": 16,
    "verification": 9,
    "deployment": 13,
}
EMPTY_IN_0_1_0 = {"build_executor": {3}}
"""Open messages: those of `webhook` and `deployment` have the same type. Those of `verification`
(6) are written by the upgrade itself: requests that were decided tell their runs.
"""


def test_a_required_field_that_is_added_to_a_stored_type_is_found(tmp_path: Path) -> None:
    """Also where Candid would read the whole `opt deploy` as null."""
    root = SOURCES.parent
    shutil.copytree(root / "shared", tmp_path / "shared")
    shutil.copytree(SOURCES / "pipeline_config", tmp_path / "canisters" / "pipeline_config")
    (tmp_path / "canisters" / "__init__.py").touch()
    file = tmp_path / "shared" / "types" / "pipeline.py"
    source = file.read_text(encoding="utf-8")
    file.write_text(
        source.replace("    upgrade_arg: blob\n", "    upgrade_arg: blob\n    more: text\n")
    )
    canister = upgraded("0.1.0", "pipeline_config", tmp_path / "canisters")
    assert "memory 6.pipeline.definition.deploy.more: new and not Opt" in problems_of(canister)


def test_the_check_sees_what_candid_would_pass_over() -> None:
    canister = NativeNetwork().install(SOURCES / "webhook" / "main.py")
    types = canister.module("kybra._types")

    def record(**fields: Any) -> Any:
        made = types.Record("R")
        made.set_fields([types.Field(key, key, value) for key, value in fields.items()])
        return made

    text, nat = types.Primitive(types.TEXT), types.Primitive(types.NAT)
    old = record(name=text, policy=types.Opt(record(votes=nat)))

    def problems(now: Any) -> list[str]:
        return unreadable(old, now, types, "r", set())

    assert problems(old) == []
    policy = old.by_hash[types.label_hash("policy")].type
    assert problems(record(name=text, policy=policy, more=types.Opt(nat))) == []
    deeper = types.Opt(record(votes=nat, more=nat))
    assert problems(record(name=text, policy=deeper)) == ["r.policy.more: new and not Opt"]
    (gone,) = problems(record(name=text))
    assert "gone" in gone
    (other,) = problems(record(name=nat, policy=policy))
    assert "was text, is nat" in other
