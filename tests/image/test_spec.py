"""A specification is read with what it extends; a wrong one is refused with file and field."""

from __future__ import annotations

from pathlib import Path

import pytest

from dcanary.image.errors import SpecProblem
from dcanary.image.spec import Spec, read_spec
from dcanary.image.standard import standard_spec


def read(folder: Path, text: str) -> Spec:
    (folder / "own.yml").write_text(text)
    return read_spec(folder / "own.yml", standard_spec)


def test_a_specification_adds_to_what_it_extends(tmp_path: Path) -> None:
    (tmp_path / "hello.sh").write_text("#!/bin/sh\n")
    (tmp_path / "other.yml").write_text(
        "version: 1\nextends: base\ndebian: [gcc]\nenvironment: {A: '1', B: '1'}\nexclude: [/srv]\n"
    )
    spec = read(
        tmp_path,
        "version: 1\nextends: other.yml\ndebian: [clang, gcc, git=1:2.39]\n"
        "npm: {'@a/b': 1.2.3}\nenvironment: {B: '2'}\n"
        "files: {/usr/bin/hello: hello.sh}\npath: [/usr/lib/x, /usr/bin]\n",
    )
    base = read_spec(Path(str(standard_spec("base"))), standard_spec)
    assert spec.debian == (*base.debian, "gcc", "clang", "git=1:2.39")
    assert spec.environment == {"A": "1", "B": "2"}
    assert spec.files == {"/usr/bin/hello": "#!/bin/sh\n"}
    assert (spec.suite, spec.path) == ("bookworm", ("/usr/lib/x", "/usr/bin"))
    assert spec.exclude == (*base.exclude, *(() if "/srv" in base.exclude else ("/srv",)))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "file: is not a mapping"),
        ("- a", "file: is not a mapping"),
        ("a: [", "file: is not YAML"),
        ("version: 2", "version: 2 is not supported: write 1"),
        ("debian: [gcc]", "version: None is not supported"),
        ("version: 1\npackages: [gcc]", "packages: is not known: use architecture, debian"),
        ("version: 1\ndebian: gcc", "debian: is not a list"),
        ("version: 1\ndebian: [GCC]", r"debian\[0\]: 'GCC' is not a package, or package=version"),
        ("version: 1\ndebian: ['a; b']", r"debian\[0\]: 'a; b' is not a package"),
        ("version: 1\ndebian: [1]", r"debian\[0\]: is not a text of one line"),
        ("version: 1\nnpm: {a: ^1.0}", r"npm.a: '\^1.0' is not one exact version"),
        ("version: 1\nnpm: {a: 1.0}", r"npm.a: is not a text of one line \(put numbers in quotes"),
        ("version: 1\nnpm: {'../a': 1.0.0}", "npm.../a: is not the name of a package"),
        ("version: 1\npypi: {a: latest}", "pypi.a: 'latest' is not one exact version"),
        ("version: 1\nlinks: {usr/a: b}", "links.usr/a: 'usr/a' is not an absolute path"),
        ("version: 1\nexclude: [/a/../b]", r"exclude\[0\]: '/a/../b' is not an absolute path"),
        ("version: 1\nenvironment: {A-B: c}", "environment.A-B: is not the name of a variable"),
        ("version: 1\nsuite: ../x", "suite: '../x' is not the name of a release of Debian"),
        ("version: 1\narchitecture: z80", "architecture: is not one of amd64, arm64"),
        ("version: 1\nfiles: {/usr/a: none}", "files./usr/a: .*none cannot be read: No such file"),
        ("version: 1\nextends: own.yml", "extends: the specifications extend each other"),
    ],
)
def test_a_wrong_specification_is_refused_with_file_and_field(
    tmp_path: Path, text: str, said: str
) -> None:
    with pytest.raises(SpecProblem, match=rf"own.yml: {said}"):
        read(tmp_path, text)


def test_what_it_extends_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(SpecProblem, match=r"nothing: file: cannot be read"):
        read(tmp_path, "version: 1\nextends: nothing")
