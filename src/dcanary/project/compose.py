"""One pipeline of several: the stages and the deployment of each, under one head.

Each part is written from its own template, as it would be alone, and then taken apart by lines, so
that the comments of the templates stay. Templates keep to one form for that: keys of the file at
the margin, names of stages two spaces in, one deployment.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dcanary.pipeline.quantities import parse_size
from dcanary.project.plan.fit import Fit, name_for
from dcanary.project.template import load, scalar

_KEY = re.compile(r"([a-z_]+):")
_STAGE = re.compile(r"  ([a-z0-9][a-z0-9._-]*):")
_DEPENDS = re.compile(r"( +depends_on: )\[(.*)\]")
_ORDER = "# In the order of what they refer to; each is approved and released by itself."


@dataclass(frozen=True)
class _Part:
    """The pieces of one written template."""

    head: list[str]
    stages: dict[str, list[str]]
    gates: list[str]
    approval: list[str]
    deploy: list[str]


def compose(name: str, parts: Sequence[tuple[str, Fit]]) -> str:
    """The text of a pipeline of several parts, each with the name of its canister.

    Raises TemplateError when a value does not suit a template.
    """
    taken = [
        (canister, fit, _taken_apart(load(fit.template).render(fit.values)))
        for canister, fit in parts
    ]
    targets = {canister: name_for(canister) for canister, _ in parts}
    first = taken[0][2]
    lines = [f"name: {scalar(name)}" if line.startswith("name: ") else line for line in first.head]
    lines += ["", "stages:"]
    shared: dict[str, str] = {}
    deploys: list[str] = []
    for canister, fit, part in taken:
        renamed: dict[str, str] = {}
        for stage, block in part.stages.items():
            block = with_hosts(block, fit.hosts)
            text = "\n".join(block)
            fetches = "    kind: fetch" in block
            known = shared.get(text) if fetches else None
            renamed[stage] = known or f"{stage}-{targets[canister]}"
            if known is None:
                shared[text] = renamed[stage]
                named = _with_names(block, renamed)
                if not fetches:
                    # Stages of other canisters are named like this one.
                    before = [f"{stage}-{targets[one]}" for one in fit.interfaces]
                    named = with_needs(named, fit.environment, before)
                lines += [f"  {renamed[stage]}:", *named]
        if part.deploy:
            after = [targets[one] for one in fit.after]
            deploys += _entry(part.deploy, renamed, after, comments=not deploys)
    gates = max((part.gates for _, _, part in taken if part.gates), key=_size, default=[])
    approval = next((part.approval for _, _, part in taken if part.approval), [])
    if deploys:
        lines += ["", *gates, "", *approval, "", _ORDER, "deploy:", *deploys]
    return "\n".join(lines) + "\n"


def with_needs(
    block: Sequence[str], environment: Mapping[str, str], before: Sequence[str] = ()
) -> list[str]:
    """The lines of a stage, or of a whole file with one that has commands, with variables of its
    environment and stages before it."""
    written: list[str] = []
    waiting = list(before)
    for line in block:
        match = _DEPENDS.fullmatch(line)
        if match is not None and waiting:
            line = f"{match[1]}[{', '.join([match[2], *waiting])}]"
            waiting = []
        if line == "    commands:":
            comments: list[str] = []
            while written and written[-1].startswith("    #"):
                comments.insert(0, written.pop())
            if waiting:
                written.append(f"    depends_on: [{', '.join(waiting)}]")
            if environment:
                written += ["    # Ids of canisters, put in when the pipeline is registered."]
                written += ["    environment:"]
                written += [f"      {name}: {scalar(text)}" for name, text in environment.items()]
            written += comments
        written.append(line)
    return written


def with_hosts(block: Sequence[str], hosts: Sequence[str]) -> list[str]:
    """The lines of a fetch stage, or of a file with one, with the hosts that it may connect to."""
    if not hosts or "    locks:" not in block:
        return list(block)
    place = block.index("    locks:") + 1
    while place < len(block) and block[place].startswith("      "):
        place += 1
    written = ["    # Only from here, instead of the public registries alone.", "    hosts:"]
    written += [f"      - {scalar(host)}" for host in hosts]
    return [*block[:place], *written, *block[place:]]


def _taken_apart(text: str) -> _Part:
    """The pieces of a pipeline, each with the comments before it."""
    found: dict[str, list[str]] = {}
    key, waiting = "", list[str]()
    for line in text.splitlines():
        if match := _KEY.match(line):
            key = match[1]
            found[key] = [*waiting, line]
            waiting = []
        elif line.startswith("#"):
            waiting.append(line)
        elif line:
            found[key].append(line)
    head = [*found.pop("version"), *found.pop("name"), "", *found.pop("on")]
    stages: dict[str, list[str]] = {}
    for line in found.pop("stages")[1:]:
        if match := _STAGE.fullmatch(line):
            stages[match[1]] = block = []
        else:
            block.append(line)
    return _Part(
        head,
        stages,
        found.get("gates", []),
        found.get("approval", []),
        found.get("deploy", [])[1:],
    )


def _with_names(block: Sequence[str], renamed: Mapping[str, str]) -> list[str]:
    def line_of(line: str) -> str:
        match = _DEPENDS.fullmatch(line)
        if match is None:
            return line
        names = [renamed[one.strip()] for one in match[2].split(",")]
        return f"{match[1]}[{', '.join(names)}]"

    return [line_of(line) for line in block]


def _entry(
    deploy: Sequence[str], renamed: Mapping[str, str], after: Sequence[str], *, comments: bool
) -> list[str]:
    """The lines of a deployment as an entry of a list; `after` are targets before it."""
    written: list[str] = []
    begun = False
    for line in deploy:
        bare = line[2:]
        if bare.startswith("#"):
            margin = "    " if begun else "  "
            written += [f"{margin}{bare}"] if comments else []
            continue
        if bare.startswith("stage: "):
            bare = f"stage: {renamed[bare.removeprefix('stage: ')]}"
        written.append(f"    {bare}" if begun else f"  - {bare}")
        if not begun and after:
            written.append(f"    depends_on: [{', '.join(after)}]")
        begun = True
    return written


def _size(gates: Sequence[str]) -> int:
    sizes = [line.rpartition(": ")[2] for line in gates if "max_artifact_size" in line]
    return max((parse_size(one) for one in sizes), default=0)
