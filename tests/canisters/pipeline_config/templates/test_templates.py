"""Templates on the canister from outside: versions, lists, what is shipped, pipelines of them."""

from __future__ import annotations

from typing import Any

import pytest

from dcanary.testing.native import ANONYMOUS, CanisterReject
from shared.rules.limits import MAX_TEMPLATES
from tests.canisters.installation import OWNER, STRANGER, Installation, error, ok
from tests.canisters.pipeline_config.pipelines import pipeline
from tests.canisters.pipeline_config.templates.samples import parameter, template

ALL = {"cursor": None, "limit": 100}


def create(installation: Installation, caller: Any = OWNER, **changes: Any) -> Any:
    return installation.pipelines.update("create_template", template(**changes), caller=caller)


def update(installation: Installation, caller: Any = OWNER, **changes: Any) -> Any:
    return installation.pipelines.update("update_template", template(**changes), caller=caller)


def delete(installation: Installation, name: str = "starter", caller: Any = OWNER) -> Any:
    return installation.pipelines.update("delete_template", name, caller=caller)


def get(installation: Installation, name: str = "starter", version: int | None = None) -> Any:
    return installation.pipelines.query("get_template", name, version)


def names(installation: Installation, category: str | None = None) -> list[str]:
    page = ok(installation.pipelines.query("list_templates", category, ALL))
    return [each["definition"]["name"] for each in page["items"]]


def test_each_change_is_a_new_version_and_old_ones_stay(installation: Installation) -> None:
    made = ok(create(installation))
    assert (made["version"], made["author"].to_str()) == (1, OWNER.to_str())
    changed = ok(update(installation, description="Another."))
    assert changed["version"] == 2
    assert ok(get(installation)) == changed
    assert ok(get(installation, version=1)) == made
    page = ok(installation.pipelines.query("list_template_versions", "starter", ALL))
    assert page["items"] == [changed, made]
    error(create(installation), "Conflict")
    error(get(installation, version=3), "NotFound")
    error(get(installation, name="other"), "NotFound")
    error(update(installation, name="other"), "NotFound")
    error(installation.pipelines.query("list_template_versions", "other", ALL), "NotFound")


def test_everyone_reads_and_only_admins_change(installation: Installation) -> None:
    ok(create(installation))
    assert ok(installation.pipelines.query("get_template", "starter", None, caller=ANONYMOUS))
    for refused in (
        create(installation, caller=STRANGER, name="mine"),
        update(installation, caller=STRANGER),
        delete(installation, caller=STRANGER),
    ):
        error(refused, "Denied")
    with pytest.raises(CanisterReject):
        create(installation, caller=ANONYMOUS, name="mine")


def test_lists_are_by_category_and_dense(installation: Installation) -> None:
    for name, category in (("a", "rust"), ("b", "motoko"), ("c", "rust"), ("d", "rust")):
        ok(create(installation, name=name, category=category))
    assert names(installation) == ["d", "c", "b", "a"]
    assert names(installation, "rust") == ["d", "c", "a"]
    assert names(installation, "azle") == []
    error(installation.pipelines.query("list_templates", "cobol", ALL), "Invalid")
    ok(delete(installation, "a"))
    assert names(installation) == ["c", "b", "d"]
    assert names(installation, "rust") == ["c", "d"]
    page = ok(installation.pipelines.query("list_templates", "rust", {"cursor": None, "limit": 1}))
    assert (len(page["items"]), page["next"]) == (1, "0")
    ok(delete(installation, "d"))
    ok(delete(installation, "c"))
    assert names(installation) == ["b"]
    assert names(installation, "rust") == []
    error(update(installation, name="b", category="rust"), "Invalid")


def test_a_deleted_template_keeps_its_versions_and_goes_on_counting(
    installation: Installation,
) -> None:
    ok(create(installation))
    ok(delete(installation))
    assert names(installation) == []
    assert "versions 1 to 1" in error(get(installation), "NotFound")
    assert ok(get(installation, version=1))["version"] == 1
    error(delete(installation), "NotFound")
    error(update(installation), "NotFound")
    assert ok(create(installation, category="rust"))["version"] == 2
    assert names(installation, "rust") == ["starter"]


def test_what_is_shipped_never_replaces_what_people_wrote(installation: Installation) -> None:
    ok(create(installation, shipped="0.2.0"))
    assert ok(update(installation, shipped="0.3.0", description="Newer."))["version"] == 2
    ok(update(installation, description="Ours."))
    assert "people have changed" in error(update(installation, shipped="0.4.0"), "Conflict")
    assert ok(get(installation))["definition"]["description"] == "Ours."
    ok(delete(installation))
    assert "deleted" in error(create(installation, shipped="0.4.0"), "Conflict")
    ok(create(installation))


def test_the_number_of_templates_is_bounded(installation: Installation) -> None:
    for number in range(MAX_TEMPLATES):
        ok(create(installation, name=f"t{number}"))
    assert "MAX_TEMPLATES" in error(create(installation), "Exhausted")
    ok(delete(installation, "t7"))
    ok(create(installation))


def of(use: Any) -> Any:
    return {**pipeline(), "template": use}


def test_a_pipeline_says_which_template_it_was_made_from(installation: Installation) -> None:
    parameters = [parameter("name", default=None, pattern="[a-z]+")]
    ok(create(installation, parameters=parameters))
    use = {"name": "starter", "version": 1, "values": [{"name": "name", "values": ["shop"]}]}
    made = ok(installation.pipelines.update("register_pipeline", of(use), caller=OWNER))
    assert made["definition"]["template"] == use
    for wrong, said in (
        ({**use, "version": 2}, "no version 2"),
        ({**use, "name": "other"}, "of the template other"),
        ({**use, "values": []}, "the parameter name is missing"),
        ({**use, "values": [{"name": "x", "values": []}]}, "no parameter x"),
        ({**use, "values": [{"name": "name", "values": ["A: b"]}]}, "does not match"),
    ):
        result = installation.pipelines.update("update_pipeline", of(wrong), caller=OWNER)
        assert said in error(result, "Invalid")


def test_a_template_is_deleted_while_pipelines_are_made_from_it(
    installation: Installation,
) -> None:
    ok(create(installation))
    use = {"name": "starter", "version": 1, "values": None}
    ok(installation.pipelines.update("register_pipeline", of(use), caller=OWNER))
    ok(delete(installation))
    read = ok(installation.pipelines.query("get_pipeline_config", "demo"))
    assert read["definition"]["template"] == use
    ok(installation.pipelines.update("update_pipeline", of(use), caller=OWNER))


def test_a_pipeline_with_other_stages_is_no_longer_that_of_the_template(
    installation: Installation,
) -> None:
    ok(create(installation))
    use = {"name": "starter", "version": 1, "values": None}
    ok(installation.pipelines.update("register_pipeline", of(use), caller=OWNER))
    triggers = [{"Manual": None}]
    made = ok(
        installation.pipelines.update("set_pipeline_triggers", "demo", triggers, caller=OWNER)
    )
    assert made["definition"]["template"] is None


def test_templates_outlive_an_upgrade(installation: Installation) -> None:
    made = ok(create(installation))
    installation.pipelines.upgrade()
    assert ok(get(installation)) == made
    assert names(installation, "motoko") == ["starter"]
