"""The text of a `dcanary.yml`: a template with its values, below comments on what was found."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from pathlib import Path

from dcanary.pipeline import FILE_NAME, PipelineFileError, parse_pipeline
from dcanary.project.compose import compose, with_hosts, with_needs
from dcanary.project.plan.fit import Fit, Open
from dcanary.project.template import Template, TemplateError
from dcanary.project.unwritten import unwritten
from dcanary.visible import shown

WIDTH = 100
MAX_OPEN = 40
"""Points that are written down; a monorepo of hundreds of canisters has more."""


def pipeline_text(
    template: Template, fit: Fit, found: Iterable[str], folder: Path | None = None
) -> str:
    """The file. `found` are the lines that say what was detected; `folder` has the files that the
    pipeline names.

    Raises TemplateError when a value does not suit the template, or the result is no pipeline.
    """
    if fit.parts:
        body = compose(str(fit.values["name"]), fit.parts)
    else:
        body = template.render(fit.values)
        lines = with_needs(with_hosts(body.splitlines(), fit.hosts), fit.environment)
        body = "".join(f"{line}\n" for line in lines)
        if template.version is not None:
            about = "# Kept with each version of the pipeline."
            body = f"{about}\ntemplate: {template.label}\n\n{body}"
    text = "\n".join([*_comments(template, fit, found), body])
    try:
        parse_pipeline(text.encode(), FILE_NAME, folder)
    except PipelineFileError as error:
        raise TemplateError(unwritten(template.name, error.errors)) from None
    return text


def _comments(template: Template, fit: Fit, found: Iterable[str]) -> list[str]:
    lines = [
        f"# Written by dcanary init from {source(template.label, fit)}. It is yours: change what "
        "you like,",
        "# then check it with: dcanary pipeline validate. It counts once it is registered:",
        "# dcanary pipeline register, and after each change dcanary pipeline update",
    ]
    facts = list(found)
    if facts:
        lines += ["#", "# Found:"]
        for fact in facts:
            lines += comment(fact, "  ", "    ")
    if fit.open:
        lines += ["#", "# Open, for you to decide:"]
        for one in fit.open[:MAX_OPEN]:
            lines += comment(f"{one} ({one.page})", "- ", "  ")
        if len(fit.open) > MAX_OPEN:
            lines += comment(f"{len(fit.open) - MAX_OPEN} more: see dcanary init --stdout", "- ")
    return [*lines, ""]


def source(label: str, fit: Fit) -> str:
    """What a file is written from: the template `label`, or those of its parts."""
    if not fit.parts:
        return f"the template {label}"
    names = dict.fromkeys(one.template for _, one in fit.parts)
    return f"the {'templates' if len(names) > 1 else 'template'} {', '.join(names)}"


def comment(text: str, first: str = "", others: str = "") -> list[str]:
    """A text as comment lines. What has no ink in it, line ends too, becomes a `?`."""
    bare = shown(text, lambda _: "?")
    wrapped = textwrap.wrap(
        bare,
        WIDTH - 2,
        initial_indent=first,
        subsequent_indent=others,
        break_on_hyphens=False,
    )
    return [f"# {line}".rstrip() for line in wrapped] or ["#"]


def open_lines(points: Iterable[Open]) -> list[str]:
    """What is open, one text each, with the page that explains it."""
    return [f"{one} ({one.page})" for one in points]
