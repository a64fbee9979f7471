"""What every page must hold to: links, commands, examples, nothing of one machine."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest
import yaml

from dcanary.cli.nouns import NOUNS
from dcanary.pipeline.loader import parse_pipeline
from dcanary.pipeline.source import read_source
from tests.docs import commands
from tests.docs.pages import DOCS, ROOT, anchors, blocks, links, pages, text_of

IDS = [str(page.relative_to(ROOT)) for page in pages()]
_SUBSTITUTION = re.compile(r"\$\(([^()]*)\)")
_BASE = """
version: 1
name: base
stages:
  build: {runtime: shell, commands: ["true"], artifacts: [build/shop.wasm]}
"""


@pytest.mark.parametrize("page", pages(), ids=IDS)
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in links(page.read_text(encoding="utf-8")):
        if "://" in link:
            continue
        name, _, fragment = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), f"{page.name}: {link}"
        if fragment:
            assert fragment in anchors(target.read_text(encoding="utf-8")), f"{page.name}: {link}"


def test_every_page_is_in_the_index() -> None:
    listed = {(DOCS / link.partition("#")[0]).resolve() for link in links(text_of("README.md"))}
    assert {page for page in DOCS.rglob("*.md") if page.name != "README.md"} <= listed


@pytest.mark.parametrize("page", pages(), ids=IDS)
def test_no_page_speaks_of_one_machine(page: Path) -> None:
    found = re.findall(r"/(?:home|root|Users|work|tmp)/[a-z]\S*", page.read_text(encoding="utf-8"))
    assert found == []


@pytest.mark.parametrize("page", pages(), ids=IDS)
def test_every_command_shown_exists_with_its_options(page: Path) -> None:
    for block in blocks(page.read_text(encoding="utf-8")):
        if block.language != "console":
            continue
        for line in _commands(block.text):
            try:
                _check_command(shlex.split(line, comments=True))
            except (AssertionError, ValueError) as error:
                raise AssertionError(f"{page.name}:{block.line}: {line}: {error}") from None


def _commands(text: str) -> list[str]:
    """The `dcanary` commands of a block, those inside `$(…)` included."""
    found: list[str] = []
    for line in text.splitlines():
        if not line.strip().startswith("$ "):
            continue
        line = line.strip()[2:]
        while inner := _SUBSTITUTION.search(line):
            found.append(inner[1])
            line = line[: inner.start()] + "X" + line[inner.end() :]
        found += re.split(r" && | \| | > ", line)
    return [line.strip() for line in found if line.strip().startswith("dcanary ")]


def _check_command(words: list[str]) -> None:
    """Follow the words of a command through the real commands."""
    command: click.Command = commands.group()
    context = click.Context(command, info_name="dcanary")
    rest = words[1:]
    while isinstance(command, click.Group):
        options, rest = _split_options(command, rest)
        _check_options(command, options)
        if not rest:
            assert options, "a noun or verb is missing"
            return
        found = command.get_command(context, rest[0])
        assert found is not None, f"there is no {rest[0]}"
        command, rest = found, rest[1:]
    arguments: list[str] = []
    while rest:
        options, rest = _split_options(command, rest)
        _check_options(command, options)
        if rest:
            arguments.append(rest.pop(0))
    needed = [one for one in command.params if isinstance(one, click.Argument)]
    least = sum(1 for one in needed if one.required)
    assert least <= len(arguments) <= len(needed), f"{len(arguments)} arguments"
    given = " ".join(words)
    for option in command.params:
        if isinstance(option, click.Option) and option.required:
            assert any(name in given for name in option.opts), f"{option.opts[0]} is missing"


def _known(command: click.Command) -> dict[str, bool]:
    """Option -> whether it takes a value. Global options may stand anywhere."""
    known = {"--json": False, "-q": False, "--quiet": False, "--help": False, "-h": False}
    known |= {"--home": True, "--identity": True}
    for option in command.params:
        if isinstance(option, click.Option):
            for name in (*option.opts, *option.secondary_opts):
                known[name] = not (option.is_flag or option.count)
    return known


def _split_options(command: click.Command, words: list[str]) -> tuple[list[str], list[str]]:
    known = _known(command)
    options: list[str] = []
    rest = list(words)
    while rest and rest[0].startswith("-") and len(rest[0]) > 1:
        name = rest.pop(0).partition("=")[0]
        options.append(name)
        if known.get(name):
            assert rest, f"{name} needs a value"
            rest.pop(0)
    return options, rest


def _check_options(command: click.Command, options: list[str]) -> None:
    known = _known(command)
    for option in options:
        assert option in known or option == "--version", f"{command.name} has no option {option}"


@pytest.mark.parametrize("line", ["dcanary frob", "dcanary run list --nonsense", "dcanary run log"])
def test_the_check_of_commands_finds_wrong_ones(line: str) -> None:
    with pytest.raises(AssertionError):
        _check_command(line.split())


def test_every_noun_is_shown_in_the_command_reference() -> None:
    text = text_of("reference/cli.md")
    assert [noun for noun in NOUNS if f"\n## dcanary {noun}\n" not in text] == []


def _yaml_blocks() -> list[tuple[str, str]]:
    found = []
    for page in pages():
        for block in blocks(page.read_text(encoding="utf-8")):
            if block.language == "yaml":
                found.append((f"{page.name}:{block.line}", block.text))
    return found


@pytest.mark.parametrize(("place", "text"), _yaml_blocks(), ids=[p for p, _ in _yaml_blocks()])
def test_every_pipeline_shown_is_valid(place: str, text: str) -> None:
    shown = read_source(text.encode(), place).value
    assert isinstance(shown, dict)
    if "version" not in shown:
        base = read_source(_BASE.encode(), "base").value
        assert isinstance(base, dict)
        text = yaml.safe_dump({**base, **shown}, sort_keys=False)
    parse_pipeline(text.encode(), place)


def test_there_are_pipelines_to_check() -> None:
    assert len(_yaml_blocks()) >= 4
