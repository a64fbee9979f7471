"""Versions are ordered as Debian orders them; dependencies are resolved, or refused."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path

import pytest

from dcanary.image.debian.fields import parse_paragraphs
from dcanary.image.debian.release import verify_signature
from dcanary.image.debian.resolve import Packages, resolve
from dcanary.image.debian.version import Version, satisfies
from dcanary.image.errors import RegistryError, UnresolvedError
from dcanary.image.registries import DEBIAN, find_registries

# In ascending order, from deb-version(7) and Debian's own tests.
ORDERED = (
    "0~~",
    "0~~a",
    "0~",
    "0",
    "0.9",
    "1.0~beta1~svn1245",
    "1.0~beta1",
    "1.0",
    "1.0-0+b1",
    "1.0-1~deb12u1",
    "1.0-1",
    "1.0-1+b1",
    "1.0a",
    "1.0+dfsg",
    "1.0+dfsg-1",
    "1.00.1",
    "1.2",
    "1.10",
    "2-a",
    "1:0.1",
    "2:0",
)


def test_versions_are_ordered_as_debian_orders_them() -> None:
    for low, high in itertools.combinations(ORDERED, 2):
        assert Version(low) < Version(high), (low, high)
        assert not Version(high) < Version(low)
    for same, other in (("1.0", "0:1.0"), ("1.0", "1.00"), ("1.0-0", "1.0"), ("1.", "1.0")):
        assert Version(same) == Version(other), (same, other)


def test_relations_between_versions() -> None:
    assert satisfies("1.0", "<<", "1.1") and not satisfies("1.1", "<<", "1.1")
    assert satisfies("1.1", "<=", "1.1") and satisfies("1.1", ">=", "1.1")
    assert satisfies("1.1", "=", "0:1.1") and satisfies("1.2", ">>", "1.1")
    with pytest.raises(ValueError):
        satisfies("1", "<", "2")


INDEX = """
Package: base
Version: 1
Essential: yes
Depends: libc (>= 2)

Package: libc
Version: 1.9

Package: libc
Version: 2.1

Package: first
Version: 1
Depends: absent | alternative, virtual

Package: alternative
Version: 1

Package: only
Version: 1
Provides: virtual, versioned (= 3)

Package: choose
Version: 1
Depends: many

Package: one
Version: 1
Provides: many

Package: two
Version: 1
Provides: many

Package: needs-version
Version: 1
Depends: versioned (>= 3)

Package: needs-more
Version: 1
Depends: versioned (>= 4)

Package: enemy
Version: 1
Breaks: libc (<< 3)

Package: single
Version: 1
Provides: mta
Conflicts: mta

Package: other-mta
Version: 1
Provides: mta

Package: other-architecture
Version: 1
Depends: libc:any (>= 2)

Package: circle
Version: 1
Depends: circle-back

Package: circle-back
Version: 1
Depends: circle

Package: unknown
Version: 1
Depends: a [b]!
"""


def names(*wanted: str) -> list[str]:
    return [each["Package"] for each in resolve(packages(), wanted)]


def packages() -> Packages:
    return Packages(parse_paragraphs(INDEX))


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ((), {"base", "libc"}),
        (("first",), {"first", "alternative", "only"}),
        (("choose", "two"), {"choose", "two"}),
        (("needs-version",), {"needs-version", "only"}),
        (("single",), {"single"}),
        (("other-architecture",), {"other-architecture"}),
        (("circle",), {"circle", "circle-back"}),
        (("libc=2.1",), set()),
    ],
)
def test_the_closure_is_what_is_needed(wanted: tuple[str, ...], found: set[str]) -> None:
    assert names(*wanted) == sorted({"base", "libc", *found})


def test_the_highest_version_is_taken() -> None:
    assert {each["Package"]: each["Version"] for each in resolve(packages(), ())}["libc"] == "2.1"


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (("nothing",), "there is no package nothing"),
        (("virtual",), "there is no package virtual: it is provided by only"),
        (("libc=1.9",), r"libc \(= 1.9\) is asked for, the archive has 2.1"),
        (("choose",), "choose needs many, which several packages provide: name one .*: one, two"),
        (("needs-more",), r"needs-more needs versioned \(>= 4\), which the archive has not"),
        (("enemy",), r"enemy and libc cannot be in one image: enemy says `Breaks: libc \(<< 3\)`"),
        (("single", "other-mta"), "single and other-mta cannot be in one image"),
        (("unknown",), "unknown"),
    ],
)
def test_what_cannot_be_resolved_is_refused(wanted: tuple[str, ...], said: str) -> None:
    with pytest.raises(UnresolvedError, match=said):
        names(*wanted)


def test_paragraphs_that_are_none_are_refused() -> None:
    for text in ("no field", " continues nothing"):
        with pytest.raises(ValueError):
            list(parse_paragraphs(text))


@pytest.mark.parametrize("document", [b"", b"Origin: Debian\n", b"-----BEGIN PGP SIGNED MESSAGE"])
def test_a_release_that_debian_has_not_signed_is_refused(document: bytes) -> None:
    with pytest.raises(RegistryError, match="no key of Debian's archive has signed it"):
        verify_signature(document)


APT: Mapping[str, str] = {
    "sources.list": "# deb http://no.example/debian x main\n"
    "deb [arch=amd64 signed-by=/k.gpg] https://mirror.example/debian bookworm main\n",
    "sources.list.d/a.list": "deb http://second.example/debian bookworm main\n",
    "sources.list.d/b.sources": "Types: deb\n# comment\nURIs: http://mirror.example/debian-security/\n"
    "Suites: bookworm-security\n\nTypes: deb\nURIs: https://other.example/apt\nSuites: x\n",
    "sources.list.d/c.sources": "Enabled: no\nTypes: deb\nURIs: http://no.example/debian\n",
}


def test_mirrors_of_this_machine_are_used(tmp_path: Path) -> None:
    apt = tmp_path / "etc/apt"
    (apt / "sources.list.d").mkdir(parents=True)
    for name, text in APT.items():
        (apt / name).write_text(text)
    found = find_registries({}, tmp_path)
    assert found.debian == {
        "debian": "https://mirror.example/debian",
        "debian-security": "http://mirror.example/debian-security",
    }
    assert find_registries({}, tmp_path / "none").debian == DEBIAN
    set_by_hand = find_registries({"DCANARY_DEBIAN_URL": "https://a.example/"}, tmp_path)
    assert set_by_hand.debian["debian-security"] == "https://a.example/debian-security"
