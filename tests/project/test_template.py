"""Templates: every shipped one gives a pipeline, and no value breaks out of its place."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcanary.pipeline import parse_pipeline
from dcanary.project.template import (
    CATEGORIES,
    Template,
    TemplateError,
    load,
    names,
    parse,
)
from tests.project.folders import built

USABLE = [name for name in names() if not load(name).not_yet]
PRINTED = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)


def test_every_category_has_a_template() -> None:
    assert {load(name).category for name in names()} == set(CATEGORIES)
    assert names() == USABLE


@pytest.mark.parametrize("name", USABLE)
def test_a_shipped_template_is_a_pipeline_with_its_defaults(name: str) -> None:
    template = load(name)
    pipeline = parse_pipeline(template.render({}).encode())
    assert pipeline.name == {one.name: one.default for one in template.parameters}["name"]
    assert all(one.about for one in template.parameters)
    assert "{{" not in template.render({})


def test_what_is_not_supported_yet_is_not_given() -> None:
    template = parse("own", "category: node\nnot_yet: there are no lathes\n---\n")
    with pytest.raises(TemplateError, match="own cannot be used yet: there are no lathes"):
        template.render({})


def test_a_list_without_entries_is_an_empty_list() -> None:
    pipeline = parse_pipeline(load("front-end").render({"files": []}).encode())
    assert built(pipeline).artifacts == []


@given(PRINTED.filter(str.strip), st.lists(PRINTED, max_size=3))
def test_any_value_stays_in_its_place(main: str, flags: list[str]) -> None:
    text = load("motoko").render({"main": main, "flags": flags})
    pipeline = parse_pipeline(text.encode())
    (command,) = built(pipeline).commands
    assert shlex.split(command) == ["moc", "--stable-types", *flags, main, "-o", "build/app.wasm"]
    assert list(pipeline.stages) == ["build"]


@given(st.lists(PRINTED.filter(str.strip), min_size=1, max_size=4))
def test_a_list_that_is_alone_becomes_as_many_entries(commands: list[str]) -> None:
    pipeline = parse_pipeline(load("node").render({"commands": commands}).encode())
    assert built(pipeline).commands == commands


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"nonsense": "x"}, "has no parameter nonsense: use one of name, branch, main, flags"),
        ({"flags": "x"}, "the parameter flags must be a list"),
        ({"main": ["x"]}, "the parameter main must be a text"),
    ],
)
def test_a_wrong_parameter_is_told(values: dict[str, str | list[str]], told: str) -> None:
    with pytest.raises(TemplateError, match=told):
        load("motoko").render(values)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("category: [", "is no YAML"),
        ("category: cobol\n---\n", "has no category"),
        ("category: node\nparameters: {a: {kind: number}}\n---\n", "has no known kind"),
        ("category: node\n---\nname: {{gone}}\n", "uses gone undeclared"),
    ],
)
def test_a_file_that_is_no_template_is_told(content: str, told: str) -> None:
    with pytest.raises(TemplateError, match=told):
        parse("own", content)


@pytest.mark.parametrize("name", ["gone", "../motoko", "", "a" * 65])
def test_an_unknown_name_leads_to_the_list(name: str) -> None:
    with pytest.raises(TemplateError, match="see dcanary template list"):
        load(name)


def test_comments_and_text_without_placeholders_are_kept() -> None:
    template = Template("own", "node", "", (), "# {{kept}}\na: [1, 2]  # b\n")
    assert template.render({}) == "# {{kept}}\na: [1, 2]  # b\n"


ASKING = """\
category: node
parameters:
  name: {pattern: "[a-z][a-z0-9-]*", about: Name of it.}
  tags: {kind: list, pattern: "v[0-9.]+"}
---
name: {{name}}
tags:
  - {{tags}}
"""


def test_a_parameter_without_a_default_must_be_given() -> None:
    template = parse("asking", ASKING)
    assert template.render({"name": "shop", "tags": ["v1.2"]}) == "name: shop\ntags:\n  - v1.2\n"
    with pytest.raises(TemplateError, match=r"needs the parameter name: Name of it\."):
        template.render({})


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"name": "Shop"}, r"the parameter name: 'Shop' is not \[a-z\]\[a-z0-9-\]\*"),
        ({"name": "a\nb: c"}, "the parameter name: 'a.nb: c' is not"),
        ({"name": "a", "tags": ["v1", "x"]}, "the parameter tags: 'x' is not"),
    ],
)
def test_a_value_that_is_not_of_the_pattern_is_told(
    values: dict[str, str | list[str]], told: str
) -> None:
    with pytest.raises(TemplateError, match=told):
        parse("asking", ASKING).render(values)


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ("{a: {pattern: '('}}", "the pattern of the parameter a of t may not hold"),
        ("{a: {pattern: '[a-z]+', default: A}}", "the parameter a: 'A' is not"),
        ("{a: {default: [x]}}", "the default of the parameter a of t must be a text"),
        ("{a: {kind: list, default: x}}", "the default of the parameter a of t must be a list"),
        ("[a]", "are no mapping of names"),
    ],
)
def test_what_a_header_has_wrong_is_told(parameters: str, told: str) -> None:
    with pytest.raises(TemplateError, match=told):
        parse("t", f"category: node\nparameters: {parameters}\n---\nname: x\n")
