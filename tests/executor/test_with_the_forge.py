"""Checkouts from the local forge: with submodules, and with Git LFS, which it does not serve."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dcanary.executor.checkout import CheckoutLimits, check_out
from dcanary.executor.source import SourceFailure
from dcanary.forge import Forge
from tests.executor.repositories import commit, git, make_repository
from tests.executor.servers import pointer


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[Forge]:
    with Forge(tmp_path / "forge") as running:
        yield running


def publish(forge: Forge, folder: Path, name: str) -> str:
    """Push a repository to the forge; returns its clone URL."""
    url = forge.create_repository(name).clone_url
    git(folder, "push", "--quiet", url, "HEAD:refs/heads/main")
    return url


def test_a_branch_of_the_forge_is_checked_out_with_its_submodule(
    tmp_path: Path, forge: Forge
) -> None:
    inner = make_repository(tmp_path / "lib", {"x": "x"})
    lib = publish(forge, tmp_path / "lib", "lib")
    folder = tmp_path / "main"
    make_repository(folder, {".gitmodules": f'[submodule "l"]\n\tpath = l\n\turl = {lib}\n'})
    git(folder, "update-index", "--add", "--cacheinfo", f"160000,{inner},l")
    git(folder, "commit", "--quiet", "--message=submodule")
    first = git(folder, "rev-parse", "HEAD")
    # The first commit lies behind the tip by then.
    for _ in range(3):
        git(folder, "commit", "--quiet", "--allow-empty", "--message=later")
    url = publish(forge, folder, "main")
    for sha in (first, git(folder, "rev-parse", "HEAD")):
        found = check_out(url, "refs/heads/main", sha, tmp_path / "work", CheckoutLimits())
        assert {entry.path for entry in found.entries} == {".gitmodules", "l/x"}


def test_a_commit_that_was_pushed_away_is_one_reason(tmp_path: Path, forge: Forge) -> None:
    folder = tmp_path / "main"
    gone = make_repository(folder, {"a": "a"})
    url = publish(forge, folder, "main")
    git(folder, "checkout", "--quiet", "--orphan", "new")
    (folder / "a").write_text("b")
    commit(folder)
    git(folder, "push", "--quiet", "--force", url, "HEAD:refs/heads/main")
    with pytest.raises(SourceFailure, match=f"^commit {gone} is not on refs/heads/main$"):
        check_out(url, "refs/heads/main", gone, tmp_path / "work", CheckoutLimits())


def test_git_lfs_files_fail_with_the_reason_that_the_forge_has_none(
    tmp_path: Path, forge: Forge
) -> None:
    files = {".gitattributes": "*.bin filter=lfs\n", "a.bin": pointer("1" * 64, 5)}
    sha = make_repository(tmp_path / "main", files)
    url = publish(forge, tmp_path / "main", "main")
    with pytest.raises(SourceFailure, match=r"the server has no Git LFS for it$"):
        check_out(url, "refs/heads/main", sha, tmp_path / "work", CheckoutLimits())
