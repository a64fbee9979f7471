"""Patterns of paths as the Internet Computer's SDK matches them, by globset. Plain Python.

`*` and `?` match `/` too; `**/` any folders, also none; `[a-z]`, `[!a]`, `{a,b}`, `\\` before a
character. A pattern becomes one form for each way through its alternatives. Matching a form looks
for its parts one after the other, so that its cost cannot explode.
"""

MAX_FORMS = 64

STAR = ("star",)
ANY = ("any",)
PREFIX, SUFFIX, BETWEEN = ("prefix",), ("suffix",), ("between",)


class GlobError(ValueError):
    """Why a text is no pattern."""


class Glob:
    """A pattern, ready to match. `weight` says about how much it costs to match it, from 1."""

    def __init__(self, pattern: str) -> None:
        """Raises GlobError."""
        tokens = _Parser(pattern).tokens()
        # Alone it stands for all there is, not for folders.
        tokens = [STAR] if tokens == [PREFIX] else tokens
        self._forms = [_segments(form) for form in _forms(tokens)]
        self.weight = sum(_weight(part) for form in self._forms for part in form)

    def matches(self, path: str) -> bool:
        return any(_fits(form, path) for form in self._forms)


class _Parser:
    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0
        # The branches of each open `{`, the outermost first: the last branch gets tokens.
        self._open: list[list[list[object]]] = [[[]]]

    def tokens(self) -> "list[object]":
        while self._at < len(self._pattern):
            here = self._pattern[self._at]
            self._at += 1
            if here == "?":
                self._push(ANY)
            elif here == "*":
                self._star()
            elif here == "[":
                self._push(self._class())
            elif here == "{":
                self._open.append([[]])
            elif here == "}":
                if len(self._open) < 2:
                    raise GlobError("a } without its {")
                branches = self._open.pop()
                self._push(("either", branches))
            elif here == "," and len(self._open) > 1:
                self._open[-1].append([])
            elif here == "\\":
                if self._at == len(self._pattern):
                    raise GlobError("a \\ at its end")
                self._push(self._pattern[self._at])
                self._at += 1
            else:
                self._push(here)
        if len(self._open) > 1:
            raise GlobError("a { without its }")
        return self._open[0][0]

    def _push(self, token: object) -> None:
        self._open[-1][-1].append(token)

    def _peek(self) -> str:
        return self._pattern[self._at : self._at + 1]

    def _star(self) -> None:
        """`**` stands for folders where it fills the place of one, else for two `*`."""
        before = self._pattern[self._at - 2] if self._at > 1 else ""
        if self._peek() != "*":
            self._push(STAR)
            return
        self._at += 1
        branch = self._open[-1][-1]
        after = self._peek()
        if not branch:
            if after in ("", "/"):
                self._push(PREFIX)
                self._at += 1
            else:
                self._push(STAR)
            return
        is_end = after == "" or (after in (",", "}") and len(self._open) > 1)
        if before != "/" or not (is_end or after == "/"):
            self._push(STAR)
            return
        if not is_end:
            self._at += 1
        last = branch.pop()
        if last in (PREFIX, SUFFIX):
            self._push(last)
        else:
            self._push(SUFFIX if is_end else BETWEEN)

    def _class(self) -> object:
        is_negated = self._peek() in ("!", "^")
        if is_negated:
            self._at += 1
        ranges: list[list[str]] = []
        is_range = False
        while True:
            here = self._peek()
            if here == "":
                raise GlobError("a [ without its ]")
            self._at += 1
            if here == "]" and ranges:
                break
            if is_range:
                ranges[-1][1] = here
                if ranges[-1][0] > here:
                    raise GlobError(f"the range {ranges[-1][0]}-{here}")
                is_range = False
            elif here == "-" and ranges:
                is_range = True
            else:
                ranges.append([here, here])
        if is_range:
            ranges.append(["-", "-"])
        return ("class", is_negated, ranges)


def _forms(tokens: "list[object]") -> "list[list[object]]":
    """All ways through the alternatives: lists of characters, classes, ANY and STAR."""
    found: list[list[object]] = [[]]
    for token in tokens:
        ways = _ways(token)
        if len(found) * len(ways) > MAX_FORMS:
            raise GlobError(f"more than {MAX_FORMS} ways through its alternatives")
        found = [form + way for form in found for way in ways]
    return found


def _ways(token: object) -> "list[list[object]]":
    if token == PREFIX:
        return [[], ["/"], [STAR, "/"]]
    if token == BETWEEN:
        return [["/"], ["/", STAR, "/"]]
    if token == SUFFIX:
        return [["/", STAR]]
    if isinstance(token, tuple) and token[0] == "either":
        # An empty alternative is none.
        ways = [way for branch in token[1] if branch for way in _forms(branch)]
        return ways or [[]]
    return [[token]]


def _segments(form: "list[object]") -> "list[list[object] | str]":
    """What stands between the stars; a text where it is characters only."""
    parts: list[list[object]] = [[]]
    for item in form:
        if item == STAR:
            parts.append([])
        else:
            parts[-1].append(item)
    return [
        "".join(str(item) for item in part) if all(isinstance(item, str) for item in part) else part
        for part in parts
    ]


def _weight(segment: "list[object] | str") -> int:
    """A text is looked for at once, what has wildcards is tried at each place."""
    return 1 if isinstance(segment, str) else 1 + 50 * len(segment)


def _fits(segments: "list[list[object] | str]", path: str) -> bool:
    first, last = segments[0], segments[-1]
    if not _stands(first, path, 0):
        return False
    if len(segments) == 1:
        return len(first) == len(path)
    end = len(path) - len(last)
    at = len(first)
    if end < at or not _stands(last, path, end):
        return False
    for segment in segments[1:-1]:
        # The first place is as good as any later one.
        at = _find(segment, path, at, end)
        if at < 0:
            return False
        at += len(segment)
    return True


def _find(segment: "list[object] | str", path: str, first: int, end: int) -> int:
    if isinstance(segment, str):
        return path.find(segment, first, end)
    for at in range(first, end - len(segment) + 1):
        if _stands(segment, path, at):
            return at
    return -1


def _stands(segment: "list[object] | str", path: str, at: int) -> bool:
    """Whether the segment is at this place."""
    if isinstance(segment, str):
        return path.startswith(segment, at)
    if at + len(segment) > len(path):
        return False
    return all(_is(item, path[at + index]) for index, item in enumerate(segment))


def _is(item: object, character: str) -> bool:
    if isinstance(item, str):
        return item == character
    if isinstance(item, tuple) and item[0] == "class":
        is_inside = any(first <= character <= last for first, last in item[2])
        return is_inside is not bool(item[1])
    return True
