"""Plain values as YAML that the reader of pipeline files reads back equal.

PyYAML writes for YAML 1.1, where `on` is a truth value and `08` is text. Pipeline files are of the
YAML 1.2 core schema: only what that takes for a number, a truth value or nothing is quoted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import yaml

_PLAIN = (
    ("null", r"~|null|", ["~", "n", ""]),
    ("bool", r"true|false", ["t", "f"]),
    ("int", r"[-+]?[0-9]{1,30}", list("-+0123456789")),
)
_OTHER_LINE_ENDS = frozenset("\r\x85\u2028\u2029")


class _Dumper(yaml.SafeDumper):
    """SafeDumper with the scalars of the reader; texts of several lines as blocks, no anchors."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}

    def ignore_aliases(self, data: object) -> bool:
        """Write each value out: the reader refuses aliases."""
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        """Indent the entries of lists, as people do."""
        # Only lists in mappings would not be indented, and those are never in flow style.
        super().increase_indent(flow, indentless and flow)


for _tag, _pattern, _first in _PLAIN:
    _Dumper.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(f"(?:{_pattern})\\Z"), _first
    )


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    # Line ends of other kinds would be read back as plain ones.
    style = '"' if _OTHER_LINE_ENDS & set(text) else "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


# Of subclasses, too: images know their lock files.
_Dumper.add_multi_representer(str, _text)
_Dumper.add_representer(str, _text)


def to_yaml(values: Mapping[str, object]) -> str:
    """A mapping of plain values as a document of YAML, its keys in their order."""
    written: str = yaml.dump(
        values,
        Dumper=_Dumper,
        sort_keys=False,
        default_flow_style=False,
        allow_unicode=True,
        width=100,
    )
    return written
