"""A stage that has an image sees the image's files, and none of the machine's."""

from __future__ import annotations

import io
import re
import subprocess
from pathlib import Path

import pytest

from dcanary.executor.sandbox import (
    Bind,
    BubblewrapSandbox,
    Limits,
    Plan,
    SandboxError,
    StageResult,
    UnsandboxedRunner,
)
from dcanary.image.build import COVERED
from dcanary.image.tree import Tree
from tests.executor.conftest import write_source
from tests.executor.sandbox.users import USERS, run_as

MIB = 1 << 20
LIMITS = Limits(256 * MIB, 8 * MIB, 64 * 1024, 24, 60)
# What a stage needs, and a few programs to look around with.
PROGRAMS = {
    name: f"/usr/bin/{name}"
    for name in ("cat", "dash", "env", "id", "ls", "mkdir", "prlimit", "tar", "touch")
}


def make_image(root: Path) -> Path:
    """The root of an image with programs of this machine and their libraries, and nothing else."""
    return make_tree(root).root


def make_tree(root: Path) -> Tree:
    """The same, with the record of what is in it."""
    root.mkdir()
    tree = Tree(root)
    for inside in PROGRAMS.values():
        add(tree, inside, Path(inside).resolve().read_bytes(), executable=True)
    listed = subprocess.run(
        ["/usr/bin/ldd", *PROGRAMS.values()], capture_output=True, text=True, check=True
    ).stdout
    for library in sorted(set(re.findall(r"(/\S+\.so\S*)", listed))):
        add(tree, library, Path(library).resolve().read_bytes(), executable=True)
    for name in COVERED:
        add(tree, f"etc/{name}", b"")
    tree.link("usr/bin/sh", "test", "dash")
    add(tree, "etc/only-in-the-image", b"image")
    tree.finish()
    return tree


def add(tree: Tree, path: str, content: bytes, executable: bool = False) -> None:
    tree.file(
        path.lstrip("/"), "test", io.BytesIO(content), size=len(content), executable=executable
    )


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_image(tmp_path_factory.mktemp("image") / "root")


def run(
    sandbox: BubblewrapSandbox | UnsandboxedRunner,
    folder: Path,
    root: Path,
    *commands: str,
    binds: tuple[Bind, ...] = (),
    network: bool = False,
) -> tuple[StageResult, str]:
    source = write_source(folder / "source.tar", {"hello.txt": "hello"})
    printed = bytearray()
    plan = Plan(
        list(commands), source, {"NAME": "value"}, binds, "/usr/bin", network=network, root=root
    )
    result = sandbox.run(plan, LIMITS, printed.extend, lambda: False, lambda _: None)
    return result, printed.decode()


@pytest.mark.parametrize("user", USERS)
def test_nothing_of_the_machine_is_seen(
    sandbox: BubblewrapSandbox, tmp_path: Path, user: str
) -> None:
    tmp_path.chmod(0o777)
    for parent in tmp_path.parents:
        if parent == Path("/tmp"):
            break
        parent.chmod(parent.stat().st_mode | 0o011)

    def work() -> list[object]:
        root = make_image(tmp_path / "root")
        result, printed = run(
            sandbox, tmp_path, root, "ls /", "ls /etc /usr/bin /usr", "cat /etc/only-in-the-image"
        )
        return [result.succeeded, result.detail, printed]

    succeeded, detail, printed = run_as(user, work)
    assert succeeded, (detail, printed)
    top = printed.partition("$ ls /\n")[2].partition("$ ")[0].split()
    merged = {"bin", "lib", "lib32", "lib64", "libx32", "sbin"}
    assert set(top) == {"build", "dev", "etc", "proc", "tmp", "usr", *merged}
    listed = printed.partition("$ ls /etc /usr/bin /usr\n")[2].partition("$ ")[0].split()
    assert set(listed) == {
        *("/etc:", *COVERED, "only-in-the-image"),
        *("/usr/bin:", *PROGRAMS, "sh"),
        *("/usr:", *merged),
    }
    assert printed.endswith("$ cat /etc/only-in-the-image\nimage")


def test_the_image_cannot_be_written(
    sandbox: BubblewrapSandbox, tmp_path: Path, image: Path
) -> None:
    for place in ("/usr/bin/new", "/etc/new", "/new", "/usr/bin/cat", "/etc/passwd"):
        result, printed = run(sandbox, tmp_path, image, f"touch {place}")
        assert not result.succeeded
        assert re.search("Read-only file system|Permission denied", printed)
    assert not (image / "usr/bin/new").exists()


def test_the_stage_has_its_source_its_user_and_its_variables(
    sandbox: BubblewrapSandbox, tmp_path: Path, image: Path
) -> None:
    result, printed = run(
        sandbox, tmp_path, image, "cat hello.txt", "id", "env", "mkdir -p a/b", "touch /tmp/x"
    )
    assert result.succeeded, printed
    assert "hello" in printed
    assert "uid=1000(builder) gid=1000(builder)" in printed
    assert {"NAME=value", "PATH=/usr/bin", "HOME=/build/home"} <= set(printed.splitlines())


def test_tools_of_the_executor_are_seen_beside_the_image(
    sandbox: BubblewrapSandbox, tmp_path: Path, image: Path
) -> None:
    tool = tmp_path / "tool"
    tool.mkdir()
    (tool / "file").write_text("from the executor")
    bind = Bind(tool, "/opt/dcanary/tool")
    result, printed = run(sandbox, tmp_path, image, "cat /opt/dcanary/tool/file", binds=(bind,))
    assert result.succeeded, printed
    assert "from the executor" in printed


def test_a_stage_with_the_network_knows_where_to_ask_for_names(
    sandbox: BubblewrapSandbox, tmp_path: Path, image: Path
) -> None:
    result, printed = run(sandbox, tmp_path, image, "cat /etc/resolv.conf", network=True)
    assert result.succeeded, printed
    assert printed.endswith(Path("/etc/resolv.conf").read_text())
    result, printed = run(sandbox, tmp_path, image, "cat /etc/resolv.conf")
    assert printed == "$ cat /etc/resolv.conf\n"


@pytest.mark.parametrize("missing", ["usr/bin/tar", "usr/bin/sh", "usr/bin/prlimit", "etc/passwd"])
def test_an_image_in_which_no_stage_runs_is_said(
    sandbox: BubblewrapSandbox, tmp_path: Path, missing: str
) -> None:
    root = make_image(tmp_path / "root")
    (root / missing).unlink()
    with pytest.raises(SandboxError, match=missing):
        run(sandbox, tmp_path, root, "ls")


def test_links_of_an_image_lead_the_sandbox_nowhere(
    sandbox: BubblewrapSandbox, tmp_path: Path
) -> None:
    root = make_image(tmp_path / "root")
    (root / "etc/passwd").unlink()
    (root / "etc/passwd").symlink_to("/build/passwd")
    with pytest.raises(SandboxError, match=r"/etc/passwd of the image is missing or a link"):
        run(sandbox, tmp_path, root, "ls")
    (root / "etc").rename(root / "elsewhere")
    (root / "etc").symlink_to("elsewhere")
    with pytest.raises(SandboxError, match=r"/etc of the image is missing or a link"):
        run(sandbox, tmp_path, root, "ls")


def test_an_image_that_is_not_there_is_said(sandbox: BubblewrapSandbox, tmp_path: Path) -> None:
    with pytest.raises(SandboxError):
        run(sandbox, tmp_path, tmp_path / "nothing", "ls")


def test_images_need_the_sandbox(tmp_path: Path, image: Path) -> None:
    with pytest.raises(SandboxError, match="images are not supported without a sandbox"):
        run(UnsandboxedRunner(tmp_path / "jobs"), tmp_path, image, "ls")
