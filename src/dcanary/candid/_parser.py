"""Reads Candid interface descriptions (`.did`): types, and the methods of the service.

Source: Candid specification, "Core grammar". Imports of other files are refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from dcanary import not_yet
from dcanary.candid._codec import types

_TOKEN = re.compile(
    r"(?P<space>\s+|//[^\n]*|/\*.*?\*/)"
    r"|(?P<arrow>->)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<number>0x[0-9a-fA-F_]+|[0-9][0-9_]*)"
    r'|(?P<text>"(?:[^"\\]|\\.)*")'
    r"|(?P<sign>[(){}:;,=])",
    re.DOTALL,
)
_PRIMITIVES = {name: kind for kind, name in types.PRIMITIVE_NAMES.items()}
_MODES = {name: mode for mode, name in types.MODE_NAMES.items()}
_ESCAPE = re.compile(r"\\(u\{[0-9a-fA-F]+\}|[0-9a-fA-F]{2}|.)", re.DOTALL)


class DidSyntaxError(ValueError):
    """The text is not a Candid interface; the message names line and column."""


class Later(types.Type):
    """A name used before its definition is read."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        super().__init__(0)
        self.name = name


class Parser:
    def __init__(self, text: str, known: Mapping[str, types.Type] | None = None) -> None:
        self._text = text
        self._tokens: list[tuple[str, str, int]] = []
        self._next = 0
        self._defined: dict[str, types.Type] = dict(known or {})
        self._scan()

    def _scan(self) -> None:
        place = 0
        while place < len(self._text):
            match = _TOKEN.match(self._text, place)
            if match is None:
                raise self._error("unexpected character", place)
            if match.lastgroup != "space":
                self._tokens.append((match.lastgroup or "", match.group(), place))
            place = match.end()
        self._tokens.append(("end", "the end of the text", place))

    def _error(self, message: str, place: int) -> DidSyntaxError:
        line = self._text.count("\n", 0, place) + 1
        column = place - (self._text.rfind("\n", 0, place) + 1) + 1
        return DidSyntaxError(f"line {line}, column {column}: {message}")

    def _peek(self) -> str:
        return self._tokens[self._next][1]

    def _take(self, wanted: str | None = None) -> str:
        kind, text, place = self._tokens[self._next]
        if wanted is not None and text != wanted:
            raise self._error(f"expected {wanted!r}, found {text!r}", place)
        if kind == "end":
            raise self._error("the text ends too early", place)
        self._next += 1
        return text

    def _accept(self, wanted: str) -> bool:
        if self._peek() == wanted:
            self._next += 1
            return True
        return False

    # -- grammar ---------------------------------------------------------------------------------

    def program(self) -> tuple[list[types.Type], types.Service]:
        """(init arguments, service). A text without a service gives one without methods."""
        while self._peek() in ("type", "import"):
            place = self._tokens[self._next][2]
            if self._take() == "import":
                raise self._error(not_yet.CANDID_IMPORTS.sentence(), place)
            name = self._take()
            self._take("=")
            self._defined[name] = self._type(name)
            self._accept(";")
        init: list[types.Type] = []
        service = types.Service()
        if self._accept("service"):
            if self._peek() not in (":", "{"):
                self._take()
            self._take(":")
            if self._peek() == "(":
                init = self._arguments()
                self._take("->")
            actor = self._resolve(self._actor())
            if not isinstance(actor, types.Service):
                raise self._error("the service is not a service type", self._tokens[-1][2])
            service = actor
            self._accept(";")
        kind, text, place = self._tokens[self._next]
        if kind != "end":
            raise self._error(f"unexpected {text!r}", place)
        self._link()
        return [self._resolve(node) for node in init], service

    def _actor(self) -> types.Type:
        if self._peek() == "{":
            return self._service("")
        return self._type("")

    def _type(self, name: str) -> types.Type:
        place = self._tokens[self._next][2]
        word = self._take()
        kind = _PRIMITIVES.get(word)
        if kind is not None:
            return types.PRIMITIVES[kind]
        if word == "blob":
            return types.Vec(types.PRIMITIVES[types.NAT8])
        if word == "opt":
            return types.Opt(self._type(""))
        if word == "vec":
            return types.Vec(self._type(""))
        if word == "record":
            return self._fields(types.Record(name), variant=False)
        if word == "variant":
            return self._fields(types.Variant(name), variant=True)
        if word == "func":
            return self._func()
        if word == "service":
            return self._service(name)
        if not re.fullmatch(r"[A-Za-z_]\w*", word):
            raise self._error(f"expected a type, found {word!r}", place)
        return Later(word)

    def _label(self, word: str) -> str:
        if not word.startswith('"'):
            return word
        return _ESCAPE.sub(_unescape, word[1:-1])

    def _fields(self, node: types.Record, variant: bool) -> types.Record:
        self._take("{")
        fields: list[types.Field] = []
        position = 0
        named = False
        while not self._accept("}"):
            word = self._peek()
            follower = self._tokens[self._next + 1][1]
            if follower == ":":
                self._take()
                self._take(":")
                if word[0].isdigit():
                    number = int(word.replace("_", ""), 0)
                    fields.append(types.Field(number, number, self._type("")))
                    position = number + 1
                else:
                    named = True
                    label = self._label(word)
                    fields.append(types.Field(label, label, self._type("")))
            elif variant:
                self._take()
                label = self._label(word)
                fields.append(types.Field(label, label, types.PRIMITIVES[types.NULL]))
            else:
                fields.append(types.Field(position, position, self._type("")))
                position += 1
            if not self._accept(";"):
                self._take("}")
                break
        numbers = [field.label for field in fields]
        node.is_tuple = (
            not variant and not named and bool(fields) and numbers == list(range(len(fields)))
        )
        node.set_fields(fields)
        return node

    def _arguments(self) -> list[types.Type]:
        self._take("(")
        found: list[types.Type] = []
        while not self._accept(")"):
            if self._tokens[self._next + 1][1] == ":":
                self._take()
                self._take(":")
            found.append(self._type(""))
            if not self._accept(","):
                self._take(")")
                break
        return found

    def _func(self) -> types.Func:
        args = self._arguments()
        self._take("->")
        results = self._arguments()
        modes = []
        while self._peek() in _MODES:
            modes.append(_MODES[self._take()])
        return types.Func(args, results, modes)

    def _service(self, name: str) -> types.Service:
        node = types.Service(name)
        self._take("{")
        while not self._accept("}"):
            label = self._label(self._take())
            self._take(":")
            node.methods[label] = self._func() if self._peek() == "(" else self._type("")
            if not self._accept(";"):
                self._take("}")
                break
        return node

    # -- names -----------------------------------------------------------------------------------

    def _resolve(self, node: types.Type) -> types.Type:
        seen = set()
        while isinstance(node, Later):
            if node.name in seen or node.name not in self._defined:
                raise DidSyntaxError(f"the type {node.name} is not defined")
            seen.add(node.name)
            node = self._defined[node.name]
        return node

    def _link(self) -> None:
        """Replace names by what they stand for, everywhere they are used."""
        self._done: set[int] = set()
        for node in list(self._defined.values()):
            self._visit(node)

    def _visit(self, node: types.Type) -> None:
        if id(node) in self._done:
            return
        self._done.add(id(node))
        resolve: Callable[[types.Type], types.Type] = self._resolve
        if isinstance(node, (types.Opt, types.Vec)):
            node.inner = resolve(node.inner)
            self._visit(node.inner)
        elif isinstance(node, types.Record):
            for field in node.fields:
                field.type = resolve(field.type)
                self._visit(field.type)
        elif isinstance(node, types.Func):
            node.args = [resolve(item) for item in node.args]
            node.results = [resolve(item) for item in node.results]
            for item in (*node.args, *node.results):
                self._visit(item)
        elif isinstance(node, types.Service):
            for name, method in node.methods.items():
                node.methods[name] = resolve(method)
                self._visit(node.methods[name])

    def definitions(self) -> dict[str, types.Type]:
        """The types that have a name, after `program`."""
        return {name: self._resolve(node) for name, node in self._defined.items()}

    def link(self, nodes: list[types.Type]) -> None:
        for node in nodes:
            self._visit(node)


def _unescape(match: re.Match[str]) -> str:
    code = match.group(1)
    simple = {"n": "\n", "r": "\r", "t": "\t"}
    if code.startswith("u{"):
        return chr(int(code[2:-1], 16))
    if len(code) == 2:
        return chr(int(code, 16))
    return simple.get(code, code)


def parse(text: str) -> tuple[list[types.Type], types.Service]:
    """(init arguments, service) of an interface text. Raises DidSyntaxError."""
    parser = Parser(text)
    init, service = parser.program()
    parser.link([*init, service])
    return init, service


def parse_types(text: str, known: Mapping[str, types.Type] | None = None) -> dict[str, types.Type]:
    """The named types of an interface text; it may use those of `known` without defining them.

    Raises DidSyntaxError.
    """
    parser = Parser(text, known)
    parser.program()
    return parser.definitions()
