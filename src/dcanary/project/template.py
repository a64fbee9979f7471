"""Templates: a pipeline with parameters. A file is a YAML header, a line `---`, and the text.

In the text `{{name}}` stands for a value, `{{name|shell}}` for it as words of a shell command. A
value that is alone in its place keeps its kind: a list becomes as many entries. Whatever the value
is, the line stays one scalar of YAML: what needs quotes gets them.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

import yaml

from dcanary.project.plan.fit import Values
from dcanary.project.value_patterns import matches, steps_of

CATEGORIES = ("motoko", "python", "node", "static", "library", "rust", "azle", "monorepo")
KINDS = ("text", "list")
_LINE = re.compile(r"(?P<head>[ ]*(?:- )?(?:[A-Za-z_]+: )?)(?P<rest>.*\{\{.*)")
_PLACEHOLDER = re.compile(r"\{\{(\w+)(\|shell)?\}\}")
_PLAIN = re.compile(r"[A-Za-z0-9_./][A-Za-z0-9 _./=@%+'\"$|;*()-]*")
_NOT_PLAIN = re.compile(r"(?i)true|false|null|yes|no|on|off|[-+.0-9][0-9._eExX:+-]*|.*\s")


class TemplateError(Exception):
    """A template or a value for it that is not right. Says which and what to do."""


@dataclass(frozen=True)
class Parameter:
    """One parameter of a template."""

    name: str
    kind: str
    """One of KINDS."""
    default: str | list[str] | None
    """None: a value must be given."""
    about: str
    pattern: str = ""
    """What each value must match, see `value_patterns`; empty: any."""

    def check(self, value: str | list[str]) -> None:
        """Raises TemplateError unless the parameter can have this value."""
        if isinstance(value, list) != (self.kind == "list"):
            raise TemplateError(f"the parameter {self.name} must be a {self.kind}")
        steps = steps_of(self.pattern)
        if not self.pattern or isinstance(steps, str):
            return
        for one in value if isinstance(value, list) else [value]:
            if not matches(steps, one):
                raise TemplateError(f"the parameter {self.name}: {one!a} is not {self.pattern}")


@dataclass(frozen=True)
class Template:
    """A pipeline with parameters. `not_yet` says why it cannot be used; then `text` is empty."""

    name: str
    category: str
    description: str
    parameters: tuple[Parameter, ...]
    text: str
    not_yet: str = ""
    version: int | None = None
    """That of an installation; None for what comes with DCanary."""

    @property
    def label(self) -> str:
        """What names exactly this template."""
        return self.name if self.version is None else f"{self.name}@{self.version}"

    def render(self, values: Values) -> str:
        """The text with the values, defaults where there are none.

        Raises TemplateError for a parameter that is unknown, missing, of another kind or not of
        its pattern, and for a template that cannot be used yet.
        """
        if self.not_yet:
            raise TemplateError(f"the template {self.name} cannot be used yet: {self.not_yet}")
        known = {one.name: one for one in self.parameters}
        for name, value in values.items():
            if name not in known:
                names = ", ".join(known) or "it has none"
                raise TemplateError(
                    f"the template {self.name} has no parameter {name}: use one of {names}"
                )
            known[name].check(value)
        filled: dict[str, str | list[str]] = {}
        for one in self.parameters:
            chosen = values.get(one.name, one.default)
            if chosen is None:
                raise TemplateError(
                    f"the template {self.name} needs the parameter {one.name}: {one.about}"
                )
            filled[one.name] = chosen
        return "".join(f"{line}\n" for line in _rendered(self.text.splitlines(), filled))


def _rendered(lines: list[str], values: Values) -> list[str]:
    written: list[str] = []
    for line in lines:
        found = _LINE.fullmatch(line)
        if found is None or line.lstrip().startswith("#"):
            written.append(line)
            continue
        head, rest = found["head"], found["rest"]
        alone = _PLACEHOLDER.fullmatch(rest)
        value = values[alone[1]] if alone and not alone[2] else None
        if isinstance(value, list):
            written += [head + scalar(one) for one in value]
            if not value and head.endswith("- ") and written[-1].endswith(":"):
                # A key with nothing below it would be null, and not a list.
                written[-1] += " []"
        else:
            written.append(head + scalar(_filled(rest, values)))
    return written


def _filled(text: str, values: Values) -> str:
    """A scalar with its placeholders replaced; one that stands for no words takes no space."""

    def replaced(found: re.Match[str]) -> str:
        value = values[found[1]]
        words = value if isinstance(value, list) else [value]
        return " ".join(shlex.quote(one) if found[2] else one for one in words)

    parts = [_PLACEHOLDER.sub(replaced, part) for part in text.split(" ")]
    return " ".join(part for part in parts if part)


def scalar(text: str) -> str:
    """A text as a scalar of YAML: plain where that is read as the same text."""
    if _PLAIN.fullmatch(text) and not _NOT_PLAIN.fullmatch(text):
        return text
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(letter: str) -> str:
    """A character inside double quotes. JSON's escapes would cut what is above U+FFFF in two."""
    if letter in '"\\':
        return f"\\{letter}"
    if letter.isprintable():
        return letter
    code = ord(letter)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def names() -> list[str]:
    """Names of the shipped templates, by category."""
    folder = resources.files(__package__) / "templates"
    found = [one.name.removesuffix(".yml") for one in folder.iterdir() if one.name.endswith(".yml")]
    order = {one: index for index, one in enumerate(CATEGORIES)}
    return sorted(found, key=lambda one: (order[load(one).category], one))


def load(name: str) -> Template:
    """The shipped template of that name. Raises TemplateError when there is none."""
    if not re.fullmatch(r"[a-z0-9-]{1,64}", name):
        raise TemplateError(f"there is no template {name}: see dcanary template list")
    file = resources.files(__package__) / "templates" / f"{name}.yml"
    if not file.is_file():
        raise TemplateError(f"there is no template {name}: see dcanary template list")
    return parse(name, file.read_text(encoding="utf-8"))


def parse(name: str, content: str) -> Template:
    """The template that a file holds. Raises TemplateError when it holds none."""
    header_text, _, text = content.partition("\n---\n")
    try:
        header = yaml.safe_load(header_text)
    except yaml.YAMLError as error:
        raise TemplateError(f"the header of the template {name} is no YAML: {error}") from None
    if not isinstance(header, Mapping) or header.get("category") not in CATEGORIES:
        raise TemplateError(f"the template {name} has no category of {', '.join(CATEGORIES)}")
    declared = header.get("parameters") or {}
    if not isinstance(declared, Mapping):
        raise TemplateError(f"the parameters of the template {name} are no mapping of names")
    parameters = [_parameter(name, str(key), one) for key, one in declared.items()]
    template = Template(
        name=name,
        category=header["category"],
        description=str(header.get("description", "")),
        parameters=tuple(parameters),
        text=text,
        not_yet=str(header.get("not_yet", "")),
    )
    used = set(_PLACEHOLDER.findall(text))
    unknown = {one for one, _ in used} - {one.name for one in parameters}
    if unknown:
        raise TemplateError(f"the template {name} uses {', '.join(sorted(unknown))} undeclared")
    return template


def _parameter(template: str, name: str, about: Any) -> Parameter:
    if not isinstance(about, Mapping) or about.get("kind", "text") not in KINDS:
        raise TemplateError(f"the parameter {name} of the template {template} has no known kind")
    kind, pattern = about.get("kind", "text"), str(about.get("pattern", ""))
    problem = steps_of(pattern)
    if isinstance(problem, str):
        raise TemplateError(f"the pattern of the parameter {name} of {template} {problem}")
    default = about.get("default", [] if kind == "list" else None)
    if isinstance(default, list) != (kind == "list") and default is not None:
        raise TemplateError(f"the default of the parameter {name} of {template} must be a {kind}")
    value = [str(one) for one in default] if isinstance(default, list) else default
    chosen = str(value) if value is not None and not isinstance(value, list) else value
    parameter = Parameter(name, kind, chosen, str(about.get("about", "")), pattern)
    if chosen is not None:
        parameter.check(chosen)
    return parameter
