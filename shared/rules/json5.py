"""Reading JSON5 (https://spec.json5.org), with the line of every key. Plain Python.

Settings of asset canisters are read by a canister, from the agreed bytes, so that nobody has to
be believed about what they say. No library of the host runs there.
"""

import unicodedata

MAX_DEPTH = 32
MAX_NUMBER_CHARS = 40
LINE_ENDS = "\n\r\u2028\u2029"
ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "0": "\0"}
WORDS: "dict[str, object]" = {
    "null": None,
    "true": True,
    "false": False,
    "Infinity": float("inf"),
    "NaN": float("nan"),
}
DIGITS = "0123456789"
HEX_DIGITS = "0123456789abcdefABCDEF"


class Json5Error(ValueError):
    """Text that is not JSON5: `why`, and the `line` of it, from 1."""

    def __init__(self, why: str, line: int) -> None:
        super().__init__(f"line {line}: {why}")
        self.why = why
        self.line = line


class Members:
    """An object: its `fields` by name. `line` is where it begins, `lines` where each name stands.

    `twice` is a name that stands there more than once, the last one counts; None when none does.
    """

    def __init__(self, line: int) -> None:
        self.fields: dict[str, object] = {}
        self.line = line
        self.lines: dict[str, int] = {}
        self.twice: str | None = None


def parse(text: str) -> object:
    """The value: None, bool, int, float, str, list or `Members`. Raises Json5Error."""
    reader = _Reader(text)
    reader.skip()
    value = reader.value(0)
    reader.skip()
    if reader.at < len(text):
        raise reader.error(f"{_shown(text[reader.at])} after the end of the value")
    return value


def _shown(character: str) -> str:
    return repr(character)


def _is_space(character: str) -> bool:
    return character in " \t\v\f\ufeff" + LINE_ENDS or unicodedata.category(character) == "Zs"


def _is_name_part(character: str) -> bool:
    return character in "$_\u200c\u200d" or character.isalnum() or character.isidentifier()


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def line(self, at: int) -> int:
        before = self.text[:at]
        return 1 + before.count("\n") + before.count("\r") - before.count("\r\n")

    def error(self, why: str, at: "int | None" = None) -> Json5Error:
        return Json5Error(why, self.line(self.at if at is None else at))

    def peek(self) -> str:
        """The next character; empty at the end."""
        return self.text[self.at : self.at + 1]

    def skip(self) -> None:
        """Go past white space and comments."""
        while self.at < len(self.text):
            if _is_space(self.text[self.at]):
                self.at += 1
            elif self.text.startswith("//", self.at):
                ends = [self.text.find(end, self.at) for end in LINE_ENDS]
                self.at = min((end for end in ends if end >= 0), default=len(self.text))
            elif self.text.startswith("/*", self.at):
                end = self.text.find("*/", self.at + 2)
                if end < 0:
                    raise self.error("a comment that begins with /* does not end")
                self.at = end + 2
            else:
                return

    def value(self, depth: int) -> object:
        if depth > MAX_DEPTH:
            raise self.error(f"values are nested more than {MAX_DEPTH} deep")
        first = self.peek()
        if first == "":
            raise self.error("it ends where a value is expected")
        if first == "{":
            return self._object(depth)
        if first == "[":
            return self._array(depth)
        if first in "\"'":
            return self._string()
        if first in DIGITS or first in "+-.":
            return self._number()
        start = self.at
        word = self._word()
        if word not in WORDS:
            raise self.error(f"{_shown(word[:40] or first)} where a value is expected", start)
        return WORDS[word]

    def _object(self, depth: int) -> Members:
        found = Members(self.line(self.at))
        self.at += 1
        self.skip()
        while self.peek() != "}":
            start = self.at
            name = self._name()
            self.skip()
            if self.peek() != ":":
                raise self.error(f"no colon after the name {_shown(name)}")
            self.at += 1
            self.skip()
            if name in found.fields:
                found.twice = name
            found.lines[name] = self.line(start)
            found.fields[name] = self.value(depth + 1)
            self._next("}")
        self.at += 1
        return found

    def _array(self, depth: int) -> "list[object]":
        found: list[object] = []
        self.at += 1
        self.skip()
        while self.peek() != "]":
            found.append(self.value(depth + 1))
            self._next("]")
        self.at += 1
        return found

    def _next(self, end: str) -> None:
        """Go past the comma to the next item, or to the end."""
        self.skip()
        if self.peek() == ",":
            self.at += 1
            self.skip()
        elif self.peek() != end:
            seen = _shown(self.peek()) if self.peek() else "it ends"
            raise self.error(f"{seen} where a comma or {end} is expected")

    def _name(self) -> str:
        if self.peek() in ("'", '"'):
            return self._string()
        start = self.at
        word = self._word()
        if not word or word[0].isnumeric():
            seen = _shown(self.text[start]) if start < len(self.text) else "it ends"
            raise self.error(f"{seen} where a name is expected", start)
        return word

    def _word(self) -> str:
        start = self.at
        while self.at < len(self.text) and _is_name_part(self.text[self.at]):
            self.at += 1
        if self.peek() == "\\":
            raise self.error("a name with an escape: write it in quotes")
        return self.text[start : self.at]

    def _string(self) -> str:
        quote = self.peek()
        start = self.at
        self.at += 1
        parts: list[str] = []
        while True:
            first = self.at
            while self.peek() not in ("", quote, "\\", "\n", "\r"):
                self.at += 1
            parts.append(self.text[first : self.at])
            here = self.peek()
            if here == quote:
                self.at += 1
                return _paired("".join(parts), self, start)
            if here != "\\":
                raise self.error("a text does not end on its line", start)
            self.at += 1
            parts.append(self._escape())

    def _escape(self) -> str:
        here = self.peek()
        self.at += 1
        if here == "":
            raise self.error("a text does not end")
        if here in LINE_ENDS:
            if here == "\r" and self.peek() == "\n":
                self.at += 1
            return ""
        if here in "xu":
            return chr(self._hex(2 if here == "x" else 4))
        if here in "123456789" or (here == "0" and self.peek() in tuple(DIGITS)):
            raise self.error(f"\\{here} is no escape of JSON5")
        return ESCAPES.get(here, here)

    def _hex(self, count: int) -> int:
        digits = self.text[self.at : self.at + count]
        if len(digits) != count or any(digit not in HEX_DIGITS for digit in digits):
            raise self.error(f"an escape without its {count} hexadecimal digits")
        self.at += count
        return int(digits, 16)

    def _number(self) -> object:
        start = self.at
        sign = 1
        if self.peek() in ("+", "-"):
            sign = -1 if self.peek() == "-" else 1
            self.at += 1
        first = self.at
        while self.at < len(self.text) and (
            _is_name_part(self.text[self.at]) or self.text[self.at] == "."
        ):
            is_exponent = self.text[self.at] in "eE" and self.text[first : first + 2] not in (
                "0x",
                "0X",
            )
            self.at += 1
            if is_exponent and self.peek() in ("+", "-"):
                self.at += 1
        word = self.text[first : self.at]
        if word in ("Infinity", "NaN"):
            return sign * float(word.lower())
        value = _number_of(word)
        if value is None:
            raise self.error(f"{_shown(self.text[start : self.at][:40])} is no number", start)
        return sign * value


def _number_of(word: str) -> "int | float | None":
    if len(word) > MAX_NUMBER_CHARS:
        return None
    if word[:2] in ("0x", "0X"):
        digits = word[2:]
        is_hex = digits != "" and all(digit in HEX_DIGITS for digit in digits)
        return int(digits, 16) if is_hex else None
    whole, _, exponent = word.replace("E", "e").partition("e")
    if "e" in word or "E" in word:
        bare = exponent[1:] if exponent[:1] in ("+", "-") else exponent
        if bare == "" or any(digit not in DIGITS for digit in bare):
            return None
    before, dot, after = whole.partition(".")
    if (before + after) == "" or any(digit not in DIGITS for digit in before + after):
        return None
    if len(before) > 1 and before[0] == "0":
        return None
    return float(word) if dot or whole != word else int(word)


def _paired(text: str, reader: _Reader, start: int) -> str:
    """The text with the halves of characters beyond 16 bits, as escapes give them, put together."""
    if not any("\ud800" <= character <= "\udfff" for character in text):
        return text
    try:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    except UnicodeDecodeError:
        raise reader.error("an escape that is half of a character", start) from None
