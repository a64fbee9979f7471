"""What the tests of a stage said: the JUnit XML file that its commands leave.

The file is untrusted: it is read with limits, entities are refused, and names become one line of
visible characters. Source of the form: the schema of Apache Ant's JUnit report, whose elements
testsuite, testcase, failure, error and skipped all test runners write.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

from dcanary.executor.manifest import collect_artifacts
from dcanary.executor.sandbox.model import ArtifactError

MAX_REPORT_BYTES = 8 * 1024 * 1024
MAX_TESTS = 100_000
MAX_DEPTH = 32
# As in shared/rules/limits.py; a test compares them.
MAX_REPORTED_TESTS = 100
MAX_TEST_NAME_BYTES = 200
_FAILED = ("failure", "error")


@dataclass(frozen=True)
class TestReport:
    """How many tests ran and were skipped, and the first MAX_REPORTED_TESTS names that failed."""

    __test__ = False  # pytest takes it for a class of tests

    ran: int
    skipped: int
    failed_count: int
    failed: tuple[str, ...]

    @property
    def digest(self) -> str:
        """sha256, in hexadecimal, of the report as lines of text."""
        lines = [
            f"ran {self.ran}",
            f"skipped {self.skipped}",
            f"failed {self.failed_count}",
            *self.failed,
        ]
        return hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()

    def sentence(self) -> str:
        """The report for people, in one line."""
        said = f"{self.ran} tests ran, {self.failed_count} failed, {self.skipped} skipped"
        return f"{said}: {', '.join(self.failed[:5])}" if self.failed else said


def read_report(
    source: int, path: str, masked: Callable[[str], str] = lambda name: name
) -> TestReport:
    """Read the report that lies at `path` below the folder `source` (a descriptor).

    `masked` takes secrets out of the names of failed tests. Raises ArtifactError when the report is
    missing, no regular file, too large, or no JUnit XML.
    """
    with tempfile.TemporaryDirectory() as folder:
        (copied,) = collect_artifacts(source, [path], Path(folder), MAX_REPORT_BYTES)
        return parse_report((Path(folder) / copied.sha256).read_bytes(), path, masked)


def parse_report(
    content: bytes, path: str, masked: Callable[[str], str] = lambda name: name
) -> TestReport:
    """Read a JUnit XML file, `masked` as for `read_report`.

    Raises ArtifactError that names `path` for what is none.
    """
    reader = _Reader()
    try:
        reader.read(content)
    except (expat.ExpatError, _NoReport) as error:
        raise ArtifactError(f"report {path}: not JUnit XML: {error}") from None
    # Masked first: a mask changes the order of names, makes two of them one, and may be longer than
    # what it hides; the canister takes none but short ones, sorted, each of them once.
    failed = sorted({_shown(masked(name)) for name in reader.failed})
    skipped = len(reader.skipped - reader.failed)
    return TestReport(
        ran=len(reader.tests) - skipped,
        skipped=skipped,
        failed_count=len(failed),
        failed=tuple(failed[:MAX_REPORTED_TESTS]),
    )


def _shown(name: str) -> str:
    """A name as one line of visible characters, cut where it is too long."""
    visible = "".join(each if each.isprintable() else "?" for each in name).strip()
    return visible.encode()[:MAX_TEST_NAME_BYTES].decode("utf-8", "ignore") or "?"


class _NoReport(Exception):
    """The XML is not a report that is read here."""


@dataclass
class _Reader:
    """Tests by name. A name that comes twice failed when it failed once."""

    tests: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)
    skipped: set[str] = field(default_factory=set)
    _open: list[str] = field(default_factory=list)
    _test: str = ""

    def read(self, content: bytes) -> None:
        parser = expat.ParserCreate()
        parser.StartElementHandler = self._begin
        parser.EndElementHandler = self._end
        parser.EntityDeclHandler = self._entity
        parser.Parse(content, True)

    def _begin(self, tag: str, attributes: Mapping[str, str]) -> None:
        if not self._open and tag not in ("testsuites", "testsuite"):
            raise _NoReport(f"it begins with <{ascii(tag)[1:-1][:40]}>")
        self._open.append(tag)
        if len(self._open) > MAX_DEPTH:
            raise _NoReport(f"nested deeper than {MAX_DEPTH} elements")
        if tag == "testcase":
            name, group = attributes.get("name", ""), attributes.get("classname", "")
            self._test = f"{group}::{name}" if group else name
            self.tests.add(self._test)
            if len(self.tests) > MAX_TESTS:
                raise _NoReport(f"more than {MAX_TESTS} tests")
        elif len(self._open) > 1 and self._open[-2] == "testcase":
            if tag in _FAILED:
                self.failed.add(self._test)
            elif tag == "skipped":
                self.skipped.add(self._test)

    def _end(self, tag: str) -> None:
        self._open.pop()

    def _entity(self, *_: object) -> None:
        raise _NoReport("entities are not accepted")
