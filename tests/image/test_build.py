"""An image is built from its lock, the same by everybody, and whatever goes wrong is said."""

from __future__ import annotations

import dataclasses
import os
import signal
import stat
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from dcanary.image.build import COVERED
from dcanary.image.errors import ImageError, PackageProblem, RegistryError, WrongPackage
from dcanary.image.lock import Lock, format_lock
from dcanary.image.places import places
from tests.executor.sandbox.users import ORDINARY, ROOT, USERS, run_as
from tests.image.conftest import Place
from tests.image.debs import Pool, deb, digest, folder, link, member, pool
from tests.registry import Registry, silent

DEBS = {
    "bash": deb("bash", [member("./bin/bash", b"bash", mode=0o755), link("./bin/sh", "bash")]),
    "ca-certificates": deb(
        "ca-certificates",
        [
            member("./usr/share/ca-certificates/mozilla/B.crt", b"second\n\n"),
            member("./usr/share/ca-certificates/mozilla/A.crt", b"first"),
        ],
        compression="zst",
    ),
    "gcc": deb(
        "gcc",
        [
            folder("./usr/lib/gcc/"),
            member("./usr/bin/gcc", bytes(300_000), mode=0o755),
            member("./usr/share/doc/gcc/copyright", b"free"),
        ],
        compression="gz",
    ),
}
POOL = pool(DEBS)
LOCK = dataclasses.replace(
    POOL.lock,
    links={"/usr/bin/cc": "gcc"},
    files={"/usr/bin/hello": "#!/bin/sh\necho hello\n", "/etc/motd": "hello\n"},
    environment={"CC": "cc"},
    exclude=("/usr/share/doc",),
)


@pytest.fixture(autouse=True)
def packages(registry: Registry) -> None:
    registry.files.update(POOL.files)


def test_an_image_holds_what_its_lock_says(place: Place) -> None:
    image = place.build(LOCK, "small")
    root = image.root
    assert (root / "bin/sh").read_bytes() == b"bash"
    assert (root / "usr/bin/cc").readlink() == Path("gcc")
    assert (root / "usr/bin/hello").stat().st_mode & 0o111
    assert not (root / "etc/motd").stat().st_mode & 0o111
    assert (root / "etc/ssl/certs/ca-certificates.crt").read_bytes() == b"first\nsecond\n"
    assert not (root / "usr/share/doc").exists()
    assert all((root / "etc" / name).read_bytes() == b"" for name in COVERED)
    assert (image.name, image.digest, image.machine) == ("small", LOCK.digest, "x86_64")
    assert (image.environment, image.program_path) == ({"CC": "cc"}, "/usr/bin")
    assert place.images.images() == [dataclasses.replace(image, used=place.images.images()[0].used)]
    assert place.images.lock_of(image.digest) == LOCK
    # Again: nothing is downloaded or unpacked.
    seen, place.said = len(place.registry.seen), []
    assert place.build(LOCK).tree == image.tree
    assert (len(place.registry.seen), place.said) == (seen, [])


def test_two_environments_build_the_same_tree(tmp_path: Path, registry: Registry) -> None:
    """Other users, folders, umask, home, time zone, language, and order of downloads."""
    settings = (
        (USERS[0], 0o022, {"TZ": "UTC", "LANG": "C.UTF-8", "HOME": "/root"}, False),
        (USERS[-1], 0o077, {"TZ": "Asia/Tokyo", "LANG": "tr_TR.UTF-8", "HOME": "/nowhere"}, True),
        (USERS[-1], 0o000, {"TZ": "America/Lima", "LC_ALL": "C", "HOME": "/"}, False),
    )
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents:
        if parent.owner() != "root" or parent == Path("/tmp"):
            break
        parent.chmod(parent.stat().st_mode | 0o011)
    found = []
    for number, (user, umask, environment, backwards) in enumerate(settings):
        place = Place(tmp_path / f"place-{number}" / ("x" * (number * 9 + 1)), registry)
        place.folder.parent.mkdir()
        place.folder.parent.chmod(0o777)

        def work(
            place: Place = place,
            umask: int = umask,
            environment: dict[str, str] = environment,
            backwards: bool = backwards,
        ) -> list[object]:
            os.umask(umask)
            os.environ.update(environment)
            time.tzset()
            os.chdir("/")
            if backwards:
                for each in reversed(list(DEBS.values())):
                    place.objects.put(iter([each]), sha256=None, max_bytes=1 << 20)
            image = place.build(LOCK)
            modes = sorted(
                (str(each.relative_to(image.root)), stat.S_IMODE(info.st_mode), info.st_mtime)
                for each in image.root.rglob("*")
                if (info := each.lstat()) and not each.is_symlink()
            )
            return [image.tree, image.digest, image.bytes, image.files, modes]

        found.append(run_as(user, work))
    assert found[0] == found[1] == found[2]
    assert len(found[0][4]) > 15
    assert {ROOT, ORDINARY} >= set(USERS)


@pytest.mark.parametrize("change", ["wrong", "shorter", "longer"])
def test_bytes_that_the_lock_does_not_name_are_refused(place: Place, change: str) -> None:
    original = DEBS["gcc"]
    place.registry.files["/debian/pool/gcc.deb"] = {
        "wrong": original[:-1] + b"!",
        "shorter": original[:-9],
        "longer": original + b"!",
    }[change]
    with pytest.raises(RegistryError, match=r"pool/gcc.deb") as error:
        place.build(LOCK)
    if change != "longer":
        assert "pinned by the lock for gcc 1.0-1" in str(error.value)
    assert place.images.images() == []
    place.registry.files.update(POOL.files)
    assert place.build(LOCK).files


def test_a_lock_with_another_hash_is_refused_with_the_package(place: Place) -> None:
    wrong = dataclasses.replace(LOCK.debian[0], sha256="0" * 64)
    with pytest.raises(RegistryError, match=rf"sha256:{'0' * 64} is pinned .* bash 1.0-1"):
        place.build(dataclasses.replace(LOCK, debian=(wrong, *LOCK.debian[1:])))


@pytest.mark.parametrize("is_there", [False, True])
@pytest.mark.parametrize("size", [1, len(DEBS["bash"]) + 1])
def test_a_wrong_size_is_refused_with_its_place_whether_the_package_is_there_or_not(
    place: Place, size: int, is_there: bool
) -> None:
    if is_there:
        place.build(LOCK)
    wrong = dataclasses.replace(LOCK.debian[0], size=size)
    lock = dataclasses.replace(LOCK, debian=(wrong, *LOCK.debian[1:]))
    where = places(format_lock(lock).encode(), "ci/own.lock")
    told = rf"ci/own\.lock line \d+, debian\[0\]\.size \(bash 1\.0-1\): .*{len(DEBS['bash'])} bytes"
    with pytest.raises(WrongPackage, match=told):
        place.build(lock, places=where)
    assert place.images.find(lock.digest) is None


def test_a_lock_that_names_another_package_than_its_file_is_refused(place: Place) -> None:
    other = dataclasses.replace(LOCK.debian[0], version="2.0-1")
    with pytest.raises(PackageProblem, match=r"bash 2.0-1: the file of the lock is bash 1.0-1"):
        place.build(dataclasses.replace(LOCK, debian=(other, *LOCK.debian[1:])))


def test_what_the_archive_has_no_more_comes_from_its_past(
    tmp_path: Path, registry: Registry
) -> None:
    del registry.files["/debian/pool/gcc.deb"]
    moments = {"debian bookworm": "20250101T000000Z", "debian bookworm-updates": "20250203T000000Z"}
    lock = dataclasses.replace(LOCK, releases=moments)
    with pytest.raises(RegistryError, match=r"pool/gcc.deb: the server answers 404"):
        Place(tmp_path / "one", registry).build(lock)
    registry.files["/snapshot/debian/20250203T000000Z/pool/gcc.deb"] = DEBS["gcc"]
    assert Place(tmp_path / "two", registry, snapshot=True).build(lock).tree


def test_packages_that_share_a_path_are_refused_unless_one_replaces_the_other(
    place: Place,
) -> None:
    def shared(**fields: str) -> Pool:
        first = deb("aa", [member("./usr/a", b"1")])
        return pool({"aa": first, "bb": deb("bb", [member("./usr/a", b"2")], **fields)})

    place.registry.files.update(shared().files)
    with pytest.raises(PackageProblem, match=r"usr/a is in aa 1.0-1 and in bb 1.0-1"):
        place.build(shared().lock)
    place.registry.files.update(shared(Replaces="cc, aa (<< 2)").files)
    built = place.build(shared(Replaces="cc, aa (<< 2)").lock)
    assert (built.root / "usr/a").read_bytes() == b"2"


def test_a_package_that_is_poisoned_in_the_store_is_downloaded_again(place: Place) -> None:
    image = place.build(LOCK)
    place.images.remove(image.digest)
    path = place.objects.path(digest(DEBS["gcc"]))
    path.chmod(0o644)
    path.write_bytes(b"evil")
    place.registry.seen.clear()
    assert place.build(LOCK).tree == image.tree
    assert place.registry.seen == ["/debian/pool/gcc.deb"]


PROGRAM = """
import sys, time
from pathlib import Path
from dcanary.image import build, store, tree
from dcanary.image.lock import read_lock
from tests.image.conftest import Place
from tests.registry import Registry

def stop(owner, name):
    plain = getattr(owner, name)
    def stopping(*words, **named):
        print("there", flush=True)
        time.sleep(600)
        return plain(*words, **named)
    setattr(owner, name, stopping)

folder, lock, port, phase = sys.argv[1:]
{
    "download": lambda: None,
    "unpack": lambda: stop(build, "read_control"),
    "write": lambda: stop(tree.Tree, "hard_link") or stop(tree.Tree, "link"),
    "finish": lambda: stop(tree.Tree, "finish"),
    "record": lambda: stop(store, "stat_digest"),
    "rename": lambda: stop(store.ImageStore, "_discard"),
}[phase]()
Place(Path(folder), Registry(port=int(port))).build(read_lock(Path(lock)))
"""


@pytest.mark.parametrize("phase", ["download", "unpack", "write", "finish", "record", "rename"])
def test_a_builder_that_is_killed_is_followed_by_one_that_downloads_nothing_again(
    tmp_path: Path, place: Place, phase: str
) -> None:
    reached = threading.Event()
    if phase == "download":

        def hangs(request: object) -> None:
            reached.set()
            silent(request)  # type: ignore[arg-type]  # a Request of the registry

        place.registry.odd["/debian/pool/gcc.deb"] = hangs
    (tmp_path / "lock").write_text(format_lock(LOCK))
    with subprocess.Popen(
        [
            *(sys.executable, "-c", textwrap.dedent(PROGRAM), str(place.folder)),
            *(str(tmp_path / "lock"), str(place.registry.port), phase),
        ],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    ) as builder:
        assert builder.stdout is not None
        if phase == "download":
            assert reached.wait(120)
            # The others are complete when the store has them.
            others = [digest(DEBS[name]) for name in ("bash", "ca-certificates")]
            deadline = time.monotonic() + 60
            while not all(map(place.objects.has, others)) and time.monotonic() < deadline:
                time.sleep(0.01)
        else:
            assert builder.stdout.readline() == b"there\n"
        builder.send_signal(signal.SIGKILL)
        builder.wait()
    place.registry.odd.clear()
    place.registry.seen.clear()
    assert place.images.images() == []
    image = place.build(LOCK)
    assert place.registry.seen == (["/debian/pool/gcc.deb"] if phase == "download" else [])
    assert list(place.images.partial.iterdir()) == []
    assert place.images.check(image.digest).tree == image.tree


def test_two_that_build_the_same_image_at_once_build_it_once(place: Place) -> None:
    trees: list[str] = []
    threads = [threading.Thread(target=lambda: trees.append(place.build(LOCK).tree)) for _ in "12"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(trees) == 2 and trees[0] == trees[1]
    assert sum(each.startswith("unpacking") for each in place.said) in (1, 2)
    assert len(place.images.images()) == 1


def test_a_full_disk_is_said_and_the_next_build_goes_on(tmp_path: Path, place: Place) -> None:
    """The disk of the images is a tmpfs of 128 KiB in a mount namespace of its own."""
    (tmp_path / "lock").write_text(format_lock(LOCK))
    place.images.folder.mkdir(parents=True)
    program = PROGRAM.replace(
        "Place(Path(folder)",
        "import subprocess\n"
        "from dcanary.image.errors import ImageError\n"
        "place = Place(Path(folder), Registry(port=int(port)))\n"
        "try:\n    place.build(read_lock(Path(lock)))\n"
        "except ImageError as error:\n    print(error)\n"
        "print(list(place.images.partial.iterdir()))\n"
        "subprocess.run(['mount', '-o', 'remount,size=8m', place.images.folder], check=True)\n"
        "print(place.build(read_lock(Path(lock))).tree)\n#",
    )
    mount = 'mount -t tmpfs -o size=128k tmpfs "$1/images" && shift && exec "$@"'
    done = subprocess.run(
        [
            *("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, "sh"),
            *(str(place.folder), sys.executable, "-c", textwrap.dedent(program)),
            *(str(place.folder), str(tmp_path / "lock"), str(place.registry.port), "download"),
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert done.stderr == ""
    said, partial, tree = done.stdout.splitlines()
    assert said.startswith(f"no room on the disk of {place.images.folder}: free some")
    assert partial == "[]"
    assert len(place.registry.seen) == len(DEBS), "nothing is downloaded twice"
    assert tree == place.build(LOCK).tree


@pytest.mark.parametrize("lock", [Lock("amd64"), Lock("arm64", debian=())])
def test_an_image_of_nothing_has_the_files_that_the_sandbox_covers(
    place: Place, lock: Lock
) -> None:
    assert sorted(each.name for each in (place.build(lock).root / "etc").iterdir()) == [*COVERED]


def test_a_link_of_the_lock_over_a_folder_is_refused(place: Place) -> None:
    with pytest.raises(ImageError, match=r"^files and links of the lock: usr/lib/gcc is a folder"):
        place.build(dataclasses.replace(LOCK, links={"/usr/lib/gcc": "x"}))
