"""`python -m dcanary.client.generate`: write `client/types`, `client/calls` from the `.did` files.

For each canister: a TypedDict for every named record and variant, a class whose methods are typed
calls, and a copy of the interface, which the class encodes and decodes by. The copy is the client's
own view, as Candid means it: a canister of another version is called by the rules of subtyping.
Types are apart from calls because only type checkers need them: making them takes long.
Run it after a change of a `.did` (scripts/update-did.sh does); a test finds what is out of date.
"""

from __future__ import annotations

import keyword
import re
import sys
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from dcanary.candid import Interface, Method, Type, parse_interface
from dcanary.candid import kinds as k
from dcanary.client.actor import Actor
from dcanary.client.names import CANISTERS

WIDTH = 100
TARGET = Path(__file__).resolve().parent
_NUMBERS = {
    *(k.NAT, k.NAT8, k.NAT16, k.NAT32, k.NAT64),
    *(k.INT, k.INT8, k.INT16, k.INT32, k.INT64),
}
_SIMPLE = {
    k.NULL: "None",
    k.BOOL: "bool",
    k.FLOAT32: "float",
    k.FLOAT64: "float",
    k.TEXT: "str",
    k.PRINCIPAL: "str",
    k.RESERVED: "object",
    k.FUNC: "tuple[str, str]",
    k.SERVICE: "str",
}


_DRAFT = re.compile(r"\b(\w+)Draft\b")


class _Types:
    """The Python types of one interface; records and variants are defined when first used."""

    def __init__(self) -> None:
        self._names: dict[int, str] = {}
        self._nodes: dict[str, k.Record] = {}

    def of(self, node: Type, place: str) -> str:
        """The annotation of a type. `place` names a record that has no name of its own."""
        if node.kind in _NUMBERS:
            return "int"
        if isinstance(node, k.Opt):
            inner = self.of(node.inner, place)
            return inner if inner.endswith("None") else f"{inner} | None"
        if isinstance(node, k.Vec):
            return "bytes" if node.inner.kind == k.NAT8 else f"list[{self.of(node.inner, place)}]"
        if isinstance(node, k.Record):
            if node.is_tuple:
                inner = ", ".join(self.of(field.type, place) for field in node.fields)
                return f"tuple[{inner}]"
            return self._define(node, place)
        return _SIMPLE[node.kind]

    def _define(self, node: k.Record, place: str) -> str:
        known = self._names.get(id(node))
        if known is not None:
            return known
        name = node.name or place
        if name in self._nodes:
            raise ValueError(f"two types would be called {name}")
        self._names[id(node)] = name
        self._nodes[name] = node
        for field in node.fields:
            self.of(field.type, f"{name}{_camel(str(field.label))}")
        return name

    @property
    def names(self) -> list[str]:
        """Names of all records and variants that were used."""
        return list(self._nodes)

    def definitions(self) -> Iterator[str]:
        """The source of each definition, by name."""
        for name, node in sorted(self._nodes.items()):
            fields = [
                (str(field.label), self.of(field.type, f"{name}{_camel(str(field.label))}"))
                for field in sorted(node.fields, key=lambda one: str(one.label))
            ]
            yield _definition(name, fields, one_of=node.kind == k.VARIANT)


def _definition(name: str, fields: Sequence[tuple[str, str]], *, one_of: bool) -> str:
    total = ", total=False" if one_of else ""
    if all(label.isidentifier() and not keyword.iskeyword(label) for label, _ in fields):
        title = '    """Exactly one of these cases."""\n\n' if one_of else ""
        body = "".join(f"    {label}: {kind}\n" for label, kind in fields)
        return f"class {name}(TypedDict{total}):\n{title}{body or '    pass' + chr(10)}"
    body = "".join(f'        "{label}": "{kind}",\n' for label, kind in fields)
    return f'{name} = TypedDict(\n    "{name}",\n    {{\n{body}    }}{total},\n)\n'


def _camel(name: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _result(node: Type) -> Type | None:
    """The type of Ok when `node` is `variant { Ok; Err }`, else None."""
    if isinstance(node, k.Record) and {field.label for field in node.fields} == {"Ok", "Err"}:
        return next(field.type for field in node.fields if field.label == "Ok")
    return None


def _or_whole(kind: str, known: Collection[str]) -> str:
    """Of an argument `XDraft` also `X`, where there is one: who leaves nothing out sends that."""
    whole = _DRAFT.sub(lambda found: found[1] if found[1] in known else found[0], kind)
    return kind if whole == kind else f"{kind} | {whole}"


def _parameters(method: Method, kinds: Sequence[str]) -> list[str]:
    """`name: kind` of each argument. Candid has no names for them: their types must do.

    Those at the end that may be null may be left out.
    """
    names: list[str] = []
    for node in method.arguments.types:
        inner = node.inner if isinstance(node, k.Opt) else node
        name = _snake(inner.name) if isinstance(inner, k.Record) and inner.name else ""
        name = name or k.PRIMITIVE_NAMES.get(inner.kind, "value")
        while name in names or keyword.iskeyword(name):
            name += "_"
        names.append(name)
    found = [f"{name}: {kind}" for name, kind in zip(names, kinds, strict=True)]
    for number in range(len(found) - 1, -1, -1):
        if not isinstance(method.arguments.types[number], k.Opt):
            break
        found[number] += " = None"
    return found


def _method(method: Method, types: _Types) -> str:
    place = _camel(method.name)
    kinds = [
        _or_whole(types.of(node, f"{place}Argument"), types.names)
        for node in method.arguments.types
    ]
    parameters = _parameters(method, kinds)
    results = method.results.types
    ok = _result(results[0]) if len(results) == 1 else None
    returned = [types.of(node, f"{place}Result") for node in ([ok] if ok else results)]
    answer = f"tuple[{', '.join(returned)}]" if len(returned) > 1 else "".join(returned) or "None"
    passed = [f'"{method.name}"', *(one.partition(":")[0] for one in parameters)]
    signature = ["self", *parameters, *(["/"] if parameters else [])]
    if method.is_query:
        signature += ["*", "certified: bool = False"]
        passed.append("certified=certified")
    call = f"self.{'ask' if ok else 'call'}"
    lines = _wrapped(f"    def {method.name}(", signature, f") -> {answer}:")
    if answer == "None":
        return lines + _wrapped(f"        {call}(", passed, ")")
    return lines + _wrapped(f"        answer: {answer} = {call}(", passed, ")") + _RETURN


_RETURN = "        return answer\n"


def _wrapped(head: str, parts: Sequence[str], tail: str) -> str:
    """A bracketed list, broken over lines as ruff formats it."""
    line = head + ", ".join(parts) + tail
    if len(line) <= WIDTH:
        return line + "\n"
    indent = " " * (len(head) - len(head.lstrip()))
    inner = f"{indent}    {', '.join(parts)}"
    if len(inner) <= WIDTH:
        return f"{head}\n{inner}\n{indent}{tail}\n"
    return "\n".join([head, *(f"{indent}    {one}," for one in parts), f"{indent}{tail}\n"])


_HEAD = """Made from canisters/{name}/{name}.did by `python -m dcanary.client.generate`.
Do not edit.
"""


def render(name: str, interface: Interface) -> tuple[str, str]:
    """The sources of `client/types/NAME.py` and `client/calls/NAME.py`."""
    taken = sorted(set(interface.methods) & set(dir(Actor)))
    if taken:
        raise ValueError(f"{name}: the methods {taken} have names that Actor uses itself")
    types = _Types()
    every = [method for _, method in sorted(interface.methods.items())]
    for method in every:
        _method(method, types)  # so that all names are known
    methods = [_method(method, types) for method in every]
    head = _HEAD.format(name=name)
    definitions = [_TYPES_HEAD.format(name=name, head=head), *types.definitions()]
    used = [one for one in types.names if re.search(rf"\b{one}\b", "".join(methods))]
    imported = _wrapped_import(f"dcanary.client.types.{name}", sorted(used)) if used else ""
    calls = _CALLS_HEAD.format(name=name, head=head, imported=imported, title=_camel(name))
    return "\n\n".join(definitions), calls + "\n".join(methods)


_TYPES_HEAD = '''"""Records and variants of the canister `{name}`.

{head}"""

from __future__ import annotations

from typing import TypedDict
'''
_CALLS_HEAD = '''"""Calls of the canister `{name}`.

{head}"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcanary.client.actor import Canister

if TYPE_CHECKING:
{imported}

class {title}(Canister):
    """Typed calls to `{name}`: a method gives the value of Ok, or raises RefusedError."""

    did = "{name}.did"

'''


def _wrapped_import(module: str, names: Sequence[str]) -> str:
    line = f"    from {module} import {', '.join(names)}"
    if len(line) <= WIDTH:
        return line + "\n"
    return f"    from {module} import (\n" + "".join(f"        {n},\n" for n in names) + "    )\n"


def generated(canisters: Path) -> dict[str, str]:
    """Path below `client/` -> what it must hold, from the `.did` files in `canisters`."""
    files = {}
    for name in CANISTERS:
        text = (canisters / name / f"{name}.did").read_text(encoding="utf-8")
        types, calls = render(name, parse_interface(text))
        files[f"types/{name}.did"] = text
        files[f"types/{name}.py"] = types
        files[f"calls/{name}.py"] = calls
    return files


def main(arguments: Sequence[str]) -> int:
    """Write the files that differ; the one argument is the folder `canisters` (default: here)."""
    canisters = Path(arguments[0] if arguments else "canisters")
    for file, text in generated(canisters).items():
        path = TARGET / file
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            print(f"{file}: written")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
