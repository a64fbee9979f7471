"""Lock files are read as their tools read them; what does not pin is named with its line."""

from __future__ import annotations

import hashlib
import json
import time
from base64 import b64encode

import pytest

from dcanary.download.model import Digest
from dcanary.fetch import pinned
from dcanary.fetch.bring import host_problems
from dcanary.fetch.locks import reading
from dcanary.fetch.locks.reading import read_locks
from dcanary.fetch.locks.yarn import Yarn
from dcanary.fetch.pinned import Pinned, Reading, Target

SHA512 = hashlib.sha512(b"tarball").hexdigest()
INTEGRITY = "sha512-" + b64encode(bytes.fromhex(SHA512)).decode()
TWO_HASHES = f"{INTEGRITY} {INTEGRITY[:7]}A{INTEGRITY[8:]}"
SHA1 = "sha1-" + b64encode(bytes(20)).decode()
SHA256 = hashlib.sha256(b"file").hexdigest()
OTHER = hashlib.sha256(b"other").hexdigest()


def read(files: dict[str, str], *names: str, target: Target | None = None) -> Reading:
    content = {name: text.encode() for name, text in files.items()}
    return read_locks(content.get, names or files, target or Target())


def told(found: Reading) -> list[str]:
    return [str(each) for each in found.problems]


def names(found: Reading) -> list[str]:
    return [f"{each.name} {each.version}".strip() for each in found.pins]


def npm_lock(packages: dict[str, object], version: int = 3) -> str:
    return json.dumps({"lockfileVersion": version, "packages": packages}, indent=2)


def tarball(name: str, version: str = "1.0.0", **more: object) -> dict[str, object]:
    url = f"https://registry.npmjs.org/{name}/-/{name.split('/')[-1]}-{version}.tgz"
    return {"version": version, "resolved": url, "integrity": INTEGRITY, **more}


class TestNpm:
    def test_packages_are_pinned_with_their_lines(self) -> None:
        lock = npm_lock(
            {
                "": {"name": "site"},
                "node_modules/left": tarball("left"),
                "node_modules/@a/b": tarball("@a/b", "2.0.0"),
                "node_modules/left/node_modules/x": tarball("x"),
                "node_modules/alias": tarball("real") | {"name": "real"},
            },
            2,
        )
        found = read({"web/package-lock.json": lock})
        assert told(found) == []
        assert names(found) == ["@a/b 2.0.0", "left 1.0.0", "real 1.0.0", "x 1.0.0"]
        first = found.pins[1]
        assert first == Pinned(
            "npm",
            "left",
            "1.0.0",
            "https://registry.npmjs.org/left/-/left-1.0.0.tgz",
            (Digest("sha512", SHA512),),
            "web/package-lock.json",
            7,
        )
        assert lock.splitlines()[6].strip() == '"node_modules/left": {'

    def test_what_is_in_the_repository_or_in_another_tarball_needs_no_pin(self) -> None:
        lock = npm_lock(
            {
                "packages/a": {"version": "1.0.0"},
                "node_modules/a": {"resolved": "packages/a", "link": True},
                "node_modules/b": {"version": "1.0.0", "inBundle": True},
                "node_modules/c": {"version": "1.0.0", "resolved": "file:vendor/c.tgz"},
            }
        )
        found = read({"package-lock.json": lock})
        assert (found.pins, found.problems) == ([], [])

    def test_packages_for_other_machines_are_left_out_as_npm_does(self) -> None:
        def entry(name: str, **more: object) -> dict[str, object]:
            return tarball(name, optional=True, **more)

        lock = npm_lock(
            {
                "node_modules/mac": entry("mac", os=["darwin"]),
                "node_modules/arm": entry("arm", cpu=["arm64"]),
                "node_modules/musl": entry("musl", libc=["musl"]),
                "node_modules/nolinux": entry("nolinux", os=["!linux"]),
                "node_modules/ours": entry("ours", os=["linux"], cpu=["x64"]),
                "node_modules/nowin": entry("nowin", os=["!win32"]),
                # Not optional: npm stops, and so it is brought for it to say so.
                "node_modules/needed": tarball("needed", os=["darwin"]),
            }
        )
        found = read({"package-lock.json": lock})
        assert names(found) == ["needed 1.0.0", "nowin 1.0.0", "ours 1.0.0"]
        arm = read({"package-lock.json": lock}, target=Target(machine="aarch64"))
        assert "arm 1.0.0" in names(arm) and "ours 1.0.0" not in names(arm)

    @pytest.mark.parametrize(
        ("entry", "problem"),
        [
            (tarball("x") | {"integrity": None}, "has no integrity: it is not pinned"),
            (tarball("x") | {"integrity": SHA1}, "has only a weak hash: it is not pinned"),
            (tarball("x") | {"integrity": "sha512-AAAA"}, "has only a weak hash"),
            (
                tarball("x") | {"integrity": TWO_HASHES},
                "several",
            ),
            (tarball("x") | {"resolved": "git+ssh://git@h/x.git#abc"}, "is a Git commit"),
            (tarball("x") | {"resolved": "http://h/x.tgz"}, "is not fetched by https"),
            (tarball("x") | {"resolved": "file:../../x"}, "not in this repository"),
            ({"link": True, "resolved": "/etc"}, "not in this repository"),
            ({"link": True}, "not in this repository"),
            (tarball("x") | {"resolved": None}, "has no `resolved`"),
            (tarball("x") | {"resolved": 7}, "has no URL"),
            (tarball("x") | {"resolved": "https://[x"}, "has no URL"),
            (tarball("x") | {"version": "../x"}, "has no version"),
            (tarball("x") | {"name": "../x"}, "is no name of a package"),
            ("text", "is no object"),
        ],
    )
    def test_what_does_not_pin_is_named_with_its_line(self, entry: object, problem: str) -> None:
        lock = npm_lock({"": {}, "node_modules/x": entry})
        (said,) = told(read({"package-lock.json": lock}))
        assert said.startswith("package-lock.json line 5: ")
        assert problem in said

    def test_version_1_is_refused_with_the_remedy(self) -> None:
        (said,) = told(read({"package-lock.json": '{\n"lockfileVersion": 1, "dependencies": {}}'}))
        assert "line 2: lockfileVersion 1 is not supported" in said
        assert "--lockfile-version 3" in said

    def test_a_key_that_is_there_twice_is_no_lock(self) -> None:
        # npm would take the last, a reviewer sees the first.
        lock = '{"lockfileVersion": 3, "packages": {"node_modules/a": {}, "node_modules/a": {}}}'
        assert "is there twice" in told(read({"package-lock.json": lock}))[0]


YARN = f"""# yarn lockfile v1


"@a/b@^1.0.0", "@a/b@^1.1.0":
  version "1.1.0"
  resolved "https://registry.yarnpkg.com/@a/b/-/b-1.1.0.tgz#0123"
  integrity {INTEGRITY}
  dependencies:
    version "^2.0.0"
    resolved "1"

alias@npm:real@1:
  version "1.0.0"
  resolved "https://registry.yarnpkg.com/real/-/real-1.0.0.tgz#0123"
  integrity {INTEGRITY}

"here@file:./lib":
  version "0.0.0"
"""


class TestYarn:
    def test_packages_are_pinned(self) -> None:
        found = read({"yarn.lock": YARN})
        assert told(found) == []
        assert names(found) == ["@a/b 1.1.0", "real 1.0.0"]
        assert found.pins[0].url == "https://registry.yarnpkg.com/@a/b/-/b-1.1.0.tgz"
        assert found.pins[0].line == 4

    @pytest.mark.parametrize(
        ("old", "new", "problem"),
        [
            (f"  integrity {INTEGRITY}\n", "", "line 4: @a/b@1.1.0 has no integrity"),
            ("file:./lib", "file:../lib", "line 17: here@file:../lib is file:../lib, which is not"),
            ("file:./lib", "link:/lib", "line 17: here@link:/lib is link:/lib"),
            ("https://registry.yarnpkg.com/@a", "git+ssh://h/@a", "line 4: @a/b@1.1.0 is a Git"),
            ("alias@npm", "<<<<<<< HEAD\nalias@npm", "line 12: <<<<<<< HEAD is no entry"),
            ("# yarn lockfile v1", "", "is no yarn.lock of Yarn 1"),
        ],
    )
    def test_what_does_not_pin_is_named_with_its_line(
        self, old: str, new: str, problem: str
    ) -> None:
        assert problem in told(read({"yarn.lock": YARN.replace(old, new)}))[0]

    def test_locks_of_later_yarns_are_refused_with_the_reason(self) -> None:
        (said,) = told(read({"yarn.lock": "__metadata:\n  version: 8\n"}))
        assert "pins archives that only Yarn makes" in said


CARGO = f"""version = 4

[[package]]
name = "app"
version = "0.1.0"

[[package]]
name = "itoa"
version = "1.0.11"
source = "registry+https://github.com/rust-lang/crates.io-index"
checksum = "{SHA256}"
"""


class TestCargo:
    def test_crates_are_pinned(self) -> None:
        found = read({"Cargo.lock": CARGO})
        assert told(found) == []
        (pin,) = found.pins
        assert pin.url == "https://static.crates.io/crates/itoa/itoa-1.0.11.crate"
        assert (pin.line, pin.digests) == (7, (Digest("sha256", SHA256),))

    @pytest.mark.parametrize(
        ("old", "new", "problem"),
        [
            ("version = 4", "", "Cargo.lock: version before 3 is not supported"),
            ("version = 4", "version = 5", "Cargo.lock: version 5 is not supported"),
            (f'checksum = "{SHA256}"', "", "line 7: itoa 1.0.11 has no checksum"),
            ("registry+https://github.com/rust-lang/crates.io-index", "git+https://h/x#1", "a Git"),
            ("rust-lang/crates.io-index", "me/index", "line 7: itoa 1.0.11 is from"),
            ('"1.0.11"', '"../x"', "line 7: itoa ../x has no version"),
            ('"itoa"', '"../x"', "line 7: ../x 1.0.11 is no name of a crate"),
            ("[[package]]", "[[package", "Cargo.lock line 3: this is no TOML"),
        ],
    )
    def test_what_does_not_pin_is_named_with_its_line(
        self, old: str, new: str, problem: str
    ) -> None:
        assert problem in told(read({"Cargo.lock": CARGO.replace(old, new)}))[0]


class TestRequirements:
    def test_pips_format_is_read(self) -> None:
        text = f"""# comment
--require-hashes
--index-url https://pypi.org/simple
Idna_X[extra]==3.7 \\
    --hash=sha256:{SHA256} \\
    --hash=sha256:{OTHER}
    # via something
win == 1.0 ; sys_platform == "win32" --hash=sha256:{SHA256}
ours==1.0;python_version>="3.10" --hash sha256:{SHA256}
direct @ https://h.example/direct-1.0-py3-none-any.whl --hash=sha256:{SHA256}
fragment @ https://h.example/fragment-1.0.tar.gz#sha256={SHA256}
-r more/requirements.txt
-c constraints.txt
"""
        more = f"six==1.16.0 --hash=sha256:{SHA256}\n-r ../requirements.txt\n"
        files = {"requirements.txt": text, "more/requirements.txt": more, "constraints.txt": ""}
        found = read(files, "requirements.txt")
        assert told(found) == []
        assert names(found) == ["direct", "fragment", "idna-x 3.7", "ours 1.0", "six 1.16.0"]
        by_name = {each.name: each for each in found.pins}
        assert len(by_name["idna-x"].digests) == 2
        assert by_name["idna-x"].line == 4
        assert by_name["six"].where == "more/requirements.txt line 1"
        assert by_name["direct"].path == "direct-1.0-py3-none-any.whl"

    @pytest.mark.parametrize(
        ("line", "problem"),
        [
            ("six==1.16.0", "line 2: six==1.16.0 has no hash: it is not pinned"),
            (f"six==1.16.0 --hash=md5:{'0' * 32}", "has only weak hashes"),
            (f"six>=1.16.0 --hash=sha256:{SHA256}", "names no single version"),
            (f"six==1.* --hash=sha256:{SHA256}", "names no single version"),
            (f"six --hash=sha256:{SHA256}", "names no single version"),
            ("-e .", "is a folder, which no hash pins"),
            ("--extra-index-url https://evil.example", "names an index of packages"),
            ("-i https://evil.example/simple", "names an index of packages"),
            ("--find-links /x", "the option --find-links is not supported"),
            (f"six==1 --no-binary :all: --hash=sha256:{SHA256}", "option --no-binary"),
            ("-r missing.txt", "missing.txt is not in the commit"),
            ("-r ../../other.txt", "is not in this repository"),
            ("-r https://h/requirements.txt", "is not in this repository"),
            ("git+https://h/x.git", "has no name and version"),
            ("./local", "has no name and version"),
            (f"x @ http://h/x-1.tar.gz --hash=sha256:{SHA256}", "is not fetched by https"),
            ("x @ https://h/x-1.tar.gz", "has 0 hashes"),
            (f"x @ https://h/x --hash=sha256:{SHA256}", "is no wheel or source archive"),
            ("what is this", "is no requirement"),
            (f"six==1 --hash=sha256:{SHA256} ; os_name ~= 'x'", "is no requirement"),
            ("six==1 ; " + "(" * 3000, "is no requirement"),
        ],
    )
    def test_what_does_not_pin_is_named_with_its_line(self, line: str, problem: str) -> None:
        (said,) = told(read({"requirements-dev.txt": f"\n{line}\n"}))
        assert said.startswith("requirements-dev.txt line 2: ")
        assert problem in said

    def test_includes_that_go_too_deep_end(self) -> None:
        files = {f"requirements{n}.txt": f"-r requirements{n + 1}.txt" for n in range(20)}
        (said,) = told(read(files, "requirements0.txt"))
        assert "more than 10 files include each other" in said


FILES = "https://files.pythonhosted.org/f"
LINUX = "manylinux_2_17_x86_64.manylinux2014_x86_64"
UV = f"""version = 1
requires-python = ">=3.11"

[[package]]
name = "app"
version = "0.1.0"
source = {{ virtual = "." }}

[[package]]
name = "fast"
version = "2.0"
source = {{ registry = "https://pypi.org/simple" }}
sdist = {{ url = "{FILES}/fast-2.0.tar.gz", hash = "sha256:{OTHER}" }}
wheels = [
  {{ url = "{FILES}/fast-2.0-cp311-cp311-macosx_11_0_arm64.whl", hash = "sha256:{OTHER}" }},
  {{ url = "{FILES}/fast-2.0-cp311-cp311-{LINUX}.whl", hash = "sha256:{SHA256}" }},
  {{ url = "{FILES}/fast-2.0-cp312-cp312-{LINUX}.whl", hash = "sha256:{OTHER}" }},
]
"""


class TestUv:
    def test_the_file_for_the_target_is_pinned(self) -> None:
        found = read({"uv.lock": UV})
        assert told(found) == []
        (pin,) = found.pins
        assert pin.path == "fast-2.0-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"
        assert (pin.line, pin.digests) == (9, (Digest("sha256", SHA256),))
        (other,) = read({"uv.lock": UV}, target=Target((3, 13))).pins
        assert other.path == "fast-2.0.tar.gz"

    def test_a_package_for_other_machines_only_is_left_out(self) -> None:
        text = UV.replace("manylinux", "musllinux").replace("sdist =", "other =")
        found = read({"uv.lock": text})
        assert (found.pins, found.problems) == ([], [])

    @pytest.mark.parametrize(
        ("old", "new", "problem"),
        [
            (f'"sha256:{SHA256}"', '""', "uv.lock line 9: fast 2.0 has no hash"),
            ('virtual = "."', 'editable = "../x"', "line 4: app 0.1.0 is ../x, which is not in"),
            ('registry = "https://pypi.org/simple"', 'git = "https://h#1"', "is a Git commit"),
            ("https://files", "http://files", "is not fetched by https"),
            ("version = 1\n", "version = 2\n", "version 2 is not supported"),
        ],
    )
    def test_what_does_not_pin_is_named_with_its_line(
        self, old: str, new: str, problem: str
    ) -> None:
        assert problem in told(read({"uv.lock": UV.replace(old, new)}))[0]


MOPS = json.dumps(
    {
        "version": 3,
        "mopsTomlDepsHash": "0",
        "deps": {"base": "0.11.1", "here": "./lib"},
        "hashes": {"base@0.11.1": {"base@0.11.1/src/Array.mo": SHA256}},
    },
    indent=2,
)
ARRAY = "base@0.11.1/src/Array.mo"


class TestMops:
    def test_files_are_pinned(self) -> None:
        found = read({"mops.lock": MOPS})
        assert told(found) == []
        (pin,) = found.pins
        assert (pin.name, pin.version, pin.path) == ("base", "0.11.1", ARRAY)
        assert (pin.line, pin.digests) == (10, (Digest("sha256", SHA256),))
        assert host_problems([pin], ["icp-api.io"]) == []
        assert len(host_problems([pin], ["pypi.org"])) == 1

    @pytest.mark.parametrize(
        ("old", "new", "problem"),
        [
            (SHA256, "0", "line 10: base@0.11.1/src/Array.mo has no sha256"),
            (ARRAY, "base@0.11.1/../x", "line 10: base@0.11.1/../x is no file of base@0.11.1"),
            (ARRAY, "other@1/src/x.mo", "line 10: other@1/src/x.mo is no file of base@0.11.1"),
            ('"base@0.11.1": {', '"base": {', "line 9: base is no package"),
            ("./lib", "../lib", "line 6: here ../lib is ../lib, which is not in this repository"),
            ("./lib", "https://github.com/o/r#v1", "line 6: here https://github.com/o/r#v1 is a"),
            ('"version": 3', '"version": 4', "line 2: version 4 is not supported"),
            ('"hashes"', '"others"', "it has no hashes"),
        ],
    )
    def test_what_does_not_pin_is_named_with_its_line(
        self, old: str, new: str, problem: str
    ) -> None:
        assert problem in told(read({"mops.lock": MOPS.replace(old, new)}))[0]


class TestUrls:
    def test_files_are_pinned(self) -> None:
        first, second = "https://h.example/a/tool-1.2.tar.gz", "https://h/b c/d.json"
        text = f"# files\n\n{SHA256}  {first}\n{OTHER} {second}\n"
        found = read({"urls.lock": text})
        assert told(found) == []
        assert [(each.path, each.line) for each in found.pins] == [
            ("c/d.json", 4),
            ("tool-1.2.tar.gz", 3),
        ]

    @pytest.mark.parametrize(
        ("line", "problem"),
        [
            ("https://h/a", "is no sha256"),
            (f"{'0' * 40} https://h/a", "is no sha256"),
            (SHA256, "there are 1 words"),
            (f"{SHA256} http://h/a", "is no https URL"),
            (f"{SHA256} https://h/", "nothing is no path"),
            (f"{SHA256} https://h/a ../a", "../a is no path"),
            (f"{SHA256} https://h/a /a", "/a is no path"),
        ],
    )
    def test_what_does_not_pin_is_named_with_its_line(self, line: str, problem: str) -> None:
        (said,) = told(read({"urls.lock": f"\n{line}\n"}))
        assert said.startswith("urls.lock line 2: ")
        assert problem in said


def test_all_problems_of_all_files_are_told_at_once_and_sorted() -> None:
    found = read(
        {
            "yarn.lock": "nothing",
            "b/requirements.txt": "six\nidna==1\n",
            "a/requirements.txt": "six\n",
        },
        "yarn.lock",
        "b/requirements.txt",
        "a/requirements.txt",
        "Pipfile.lock",
        "missing/Cargo.lock",
        "../urls.lock",
    )
    assert [each.partition(": ")[0] for each in told(found)] == [
        "../urls.lock",
        "Pipfile.lock",
        "a/requirements.txt line 1",
        "b/requirements.txt line 1",
        "b/requirements.txt line 2",
        "missing/Cargo.lock",
        "yarn.lock line 1",
    ]


def test_locks_that_contradict_each_other_are_named() -> None:
    found = read(
        {
            "a/urls.lock": f"{SHA256} https://h/x\n",
            "b/urls.lock": f"# other\n{OTHER} https://h/x\n",
        }
    )
    assert told(found) == [
        "b/urls.lock line 2: x has another hash than in a/urls.lock line 1: "
        "find out which of them is right, and lock again"
    ]


def test_what_two_locks_pin_alike_is_pinned_once() -> None:
    line = f"{SHA256} https://h/x\n"
    found = read({"a/urls.lock": line, "b/urls.lock": line})
    assert told(found) == []
    assert [each.lock for each in found.pins] == ["a/urls.lock"]


def test_hosts_that_are_not_allowed_are_named_with_their_lines() -> None:
    found = read(
        {"urls.lock": f"{SHA256} https://h.example/x\n{OTHER} https://ok.example:8443/y\n"}
    )
    assert [str(each) for each in host_problems(found.pins, ["ok.example:8443"])] == [
        "urls.lock line 1: x: h.example is not on the list of allowed hosts: "
        "allow it (`hosts` of the stage, `--allow` of a command), or use one that is"
    ]
    with pytest.raises(ValueError, match="is no host"):
        host_problems(found.pins, ["https://h.example/"])


def test_size_and_number_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_LOCK_BYTES", 10)
    assert "10 are allowed" in told(read({"urls.lock": "#" * 11}))[0]
    monkeypatch.setattr(reading, "MAX_LOCK_BYTES", pinned.MAX_LOCK_BYTES)
    monkeypatch.setattr(reading, "MAX_PINS", 2)
    text = "".join(f"{SHA256} https://h/{n}\n" for n in range(3))
    assert "more than 2 files are pinned" in told(read({"urls.lock": text}))[0]
    found = read({"urls.lock": "bad\n" * 500})
    assert len(found.problems) == pinned.MAX_PROBLEMS + 1
    assert "300 more problems" in told(found)[-1]
    assert len(read({"urls.lock": "bad\n" * 100_000}).problems) == pinned.MAX_PROBLEMS + 1


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("requirements.txt", "a" + " " * 300_000 + "b\n"),
        ("requirements.txt", " " * 300_000),
        ("Cargo.lock", "\n" * 300_000),
        ("package-lock.json", '{"a": "' + "\\\\" * 150_000 + '"}'),
        ("yarn.lock", "# yarn lockfile v1\n" + '"' * 300_000 + ":"),
    ],
)
def test_no_text_takes_more_than_its_length_to_read(name: str, text: str) -> None:
    began = time.monotonic()
    read({name: text})
    # With steps for each pair of characters it would be hours.
    assert time.monotonic() - began < 30


def test_text_that_no_terminal_can_show_is_told() -> None:
    lock = '{"lockfileVersion": 3, "packages": {"node_modules/\\ud800": {"version": "1"}}}'
    (said,) = told(read({"package-lock.json": lock}))
    said.encode()


@pytest.mark.parametrize("name", ["package-lock.json", "Cargo.lock", "uv.lock"])
def test_deep_nesting_is_a_problem_and_no_crash(name: str) -> None:
    text = '{"a":' * 100_000 if name.endswith("json") else "a = " + "[" * 100_000
    assert len(told(read({name: text}))) == 1


def test_what_is_no_text_is_told_with_its_line() -> None:
    found = read_locks({"urls.lock": b"\n\n\xff\n"}.get, ["urls.lock"], Target())
    assert told(found) == ["urls.lock line 3: it is no UTF-8 text: save it as UTF-8"]


@pytest.mark.parametrize("error", [KeyError("packages"), ValueError(1), IndexError(), TypeError()])
def test_an_oversight_of_a_reader_is_a_problem_of_the_file(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fails(*_: object) -> None:
        raise error

    monkeypatch.setattr(Yarn, "read", fails)
    (said,) = told(read({"yarn.lock": "", "Cargo.lock": CARGO}))
    assert said.startswith(
        f"yarn.lock: dcanary cannot read it ({type(error).__name__}): lock again"
    )
