"""What a commit pins outside of its own tree is fetched, or fails the run with that reason."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dcanary.executor.checkout import CheckoutLimits, check_out
from dcanary.executor.checkout.check_out import submodule_url
from dcanary.executor.source import SourceFailure, SourceUnavailable
from tests.executor.repositories import commit, git, make_repository
from tests.executor.servers import GitServer, pointer, serve

ATTRIBUTES = "*.bin filter=lfs diff=lfs merge=lfs -text\n"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    (tmp_path / "served").mkdir()
    with serve(tmp_path / "served") as made:
        yield made


def contents(
    server: GitServer, sha: str, name: str = "main", limits: CheckoutLimits | None = None
) -> dict[str, bytes]:
    """Path -> content of a checkout of a served repository."""
    work = server.folder.parent / "work"
    found = check_out(server.url(name), "refs/heads/main", sha, work, limits or CheckoutLimits())
    return {entry.path: entry.read() for entry in found.entries}


def add_submodule(folder: Path, path: str, url: str, sha: str) -> str:
    """Pin a commit as a submodule; returns the new commit."""
    with (folder / ".gitmodules").open("a") as file:
        file.write(f'[submodule "{path}"]\n\tpath = {path}\n\turl = {url}\n')
    git(folder, "update-index", "--add", "--cacheinfo", f"160000,{sha},{path}")
    git(folder, "add", ".gitmodules")
    git(folder, "commit", "--quiet", "--message=submodule")
    return git(folder, "rev-parse", "HEAD")


def test_submodules_are_fetched_at_their_pinned_commits_within_each_other(
    server: GitServer,
) -> None:
    served = server.folder
    inner = make_repository(served / "inner", {"x": "inner"})
    make_repository(served / "middle", {"y": "middle"})
    middle = add_submodule(served / "middle", "deps/inner", "../inner", inner)
    (served / "inner" / "x").write_text("later")
    commit(served / "inner")
    make_repository(served / "main", {"z": "main"})
    sha = add_submodule(served / "main", "lib", server.url("middle"), middle)
    found = contents(server, sha)
    del found[".gitmodules"], found["lib/.gitmodules"]
    assert found == {"z": b"main", "lib/y": b"middle", "lib/deps/inner/x": b"inner"}


@pytest.mark.parametrize("direct", [True, False])
def test_a_submodule_commit_that_is_not_in_its_repository_is_the_reason(
    server: GitServer, direct: bool
) -> None:
    make_repository(server.folder / "lib", {"x": "x"})
    if not direct:
        git(server.folder / "lib", "config", "protocol.version", "0")
    make_repository(server.folder / "main", {"z": "z"})
    sha = add_submodule(server.folder / "main", "lib", "../lib", "1" * 40)
    with pytest.raises(SourceFailure) as caught:
        contents(server, sha)
    assert str(caught.value) == (
        f"commit {'1' * 40} of the submodule 'lib' is not in its repository"
    )


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("git@example.org:x/y.git", "URL of kind ssh: only https and http are supported"),
        ("ssh://example.org/x", "URL of kind ssh: only https and http are supported"),
        ("file:///etc", "URL of kind file: only https and http are supported"),
        ("/etc", "URL of kind path: only https and http are supported"),
        ("ext::sh -c true", "URL of kind ext: only https and http are supported"),
        ("http://[", "URL of kind path: only https and http are supported"),
    ],
)
def test_a_submodule_over_another_transport_is_the_reason(
    server: GitServer, url: str, reason: str
) -> None:
    make_repository(server.folder / "main", {"z": "z"})
    sha = add_submodule(server.folder / "main", "lib", url, "1" * 40)
    with pytest.raises(SourceFailure, match=reason):
        contents(server, sha)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://a..b/x", "a host that can be no name"),
        ("http://.b/x", "a host that can be no name"),
        (f"https://{'a' * 64}.example/x", "a host that can be no name"),
        (f"https://{'a.' * 130}example/x", "a host that can be no name"),
        ("http://127.0.0.1:99999/x", "a port that is no number from 1 to 65535"),
        ("http://example.org:0/x", "the impossible port 0"),
        ("http://\u200b/x", "blanks or characters that do not show"),
        ("http://example.org/a b", "blanks or characters that do not show"),
        ("../a\u202eb", "blanks or characters that do not show"),
    ],
)
def test_a_submodule_that_no_machine_can_reach_is_the_reason(
    server: GitServer, url: str, reason: str
) -> None:
    make_repository(server.folder / "main", {"z": "z"})
    sha = add_submodule(server.folder / "main", "lib", url, "1" * 40)
    with pytest.raises(SourceFailure, match=f"^the submodule 'lib' has a URL with {reason}$"):
        contents(server, sha)


def test_a_submodule_without_a_url_is_the_reason(server: GitServer) -> None:
    folder = server.folder / "main"
    sha = make_repository(folder, {"z": "z"})
    git(folder, "update-index", "--add", "--cacheinfo", f"160000,{sha},lib")
    git(folder, "commit", "--quiet", "--message=submodule")
    with pytest.raises(SourceFailure, match=r"^the submodule 'lib' has no URL in \.gitmodules$"):
        contents(server, git(folder, "rev-parse", "HEAD"))


def test_submodules_that_multiply_are_stopped_at_the_limit(server: GitServer) -> None:
    sha = make_repository(server.folder / "r0", {"x": "x"})
    for number in range(1, 5):
        folder = server.folder / f"r{number}"
        make_repository(folder, {})
        for path in "abc":
            last = add_submodule(folder, path, f"../r{number - 1}", sha)
        sha = last
    limits = CheckoutLimits(max_submodules=8)
    with pytest.raises(SourceFailure, match=r"^there are more than 8 submodules$"):
        contents(server, sha, "r4", limits)


def test_the_limits_hold_for_a_tree_with_all_its_submodules(server: GitServer) -> None:
    inner = make_repository(server.folder / "lib", {"x": "x" * 600})
    make_repository(server.folder / "main", {"z": "z" * 600})
    sha = add_submodule(server.folder / "main", "lib", "../lib", inner)
    limits = CheckoutLimits(max_bytes=1_000_000, max_files=2)
    with pytest.raises(SourceFailure, match=r"^the tree has more than 2 files$"):
        contents(server, sha, limits=limits)


@pytest.mark.parametrize("asks_for_login", [False, True])
def test_a_submodule_whose_repository_is_not_on_its_server_is_the_reason(
    server: GitServer, asks_for_login: bool
) -> None:
    make_repository(server.folder / "main", {"z": "z"})
    sha = add_submodule(server.folder / "main", "lib", "../nothing", "1" * 40)
    if asks_for_login:
        server.private.add("/nothing")
    with pytest.raises(SourceFailure) as caught:
        contents(server, sha)
    assert str(caught.value) == (
        "the repository of the submodule 'lib' is not on its server, or not public"
    )


@pytest.mark.parametrize("lines", [1, 3])
def test_a_large_gitmodules_is_the_reason(server: GitServer, lines: int) -> None:
    folder = server.folder / "main"
    long_name = f'[submodule "{"x" * 2_000}"]\n' + "\tpath = a\n" * 10
    make_repository(folder, {".gitmodules": long_name if lines == 1 else "# \n" * 2_000})
    git(folder, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},lib")
    git(folder, "commit", "--quiet", "--message=submodule")
    sha = git(folder, "rev-parse", "HEAD")
    what = (
        "what .gitmodules names is larger than 16384"
        if lines == 1
        else ".gitmodules is larger than 4096"
    )
    with pytest.raises(SourceFailure, match=f"^{what} bytes$"):
        contents(server, sha, limits=CheckoutLimits(max_gitmodules_bytes=4_096))


def test_a_submodules_server_that_does_not_answer_is_weather(server: GitServer) -> None:
    make_repository(server.folder / "main", {"z": "z"})
    sha = add_submodule(server.folder / "main", "lib", "http://nowhere.invalid/lib", "1" * 40)
    with pytest.raises(SourceUnavailable, match=r"nowhere\.invalid cannot be reached: "):
        contents(server, sha)


@pytest.mark.parametrize(
    ("parent", "given", "expected"),
    [
        ("https://h/o/main.git", "../lib.git", "https://h/o/lib.git"),
        ("https://u:p@h/o/main/", "../../x/lib", "https://u:p@h/x/lib"),
        ("https://h/o/main.git", "./sub", "https://h/o/main.git/sub"),
        ("https://h/o/main.git", "https://e/x", "https://e/x"),
    ],
)
def test_relative_submodule_urls_are_those_of_git(parent: str, given: str, expected: str) -> None:
    assert submodule_url(parent, given) == expected


def test_lfs_files_take_the_place_of_their_pointers(server: GitServer) -> None:
    large = bytes(range(256)) * 5_000
    files = {
        ".gitattributes": ATTRIBUTES,
        "a.bin": server.add(large),
        "deep/b.bin": server.add(b"small"),
        "plain.txt": pointer("0" * 64, 7),
    }
    sha = make_repository(server.folder / "main", files)
    found = contents(server, sha)
    assert found["a.bin"] == large
    assert found["deep/b.bin"] == b"small"
    # No attribute gives it to LFS, so it is a text like any other.
    assert found["plain.txt"] == files["plain.txt"].encode()


def test_lfs_files_of_a_submodule_come_from_its_own_server(server: GitServer) -> None:
    files = {".gitattributes": ATTRIBUTES, "a.bin": server.add(b"in the submodule")}
    inner = make_repository(server.folder / "lib", files)
    make_repository(server.folder / "main", {"z": "z"})
    sha = add_submodule(server.folder / "main", "lib", "../lib", inner)
    assert contents(server, sha)["lib/a.bin"] == b"in the submodule"
    assert ("POST", "/lib.git/info/lfs/objects/batch", "") in server.seen


def test_a_missing_lfs_file_is_the_reason(server: GitServer) -> None:
    files = {".gitattributes": ATTRIBUTES, "a.bin": pointer("1" * 64, 5)}
    sha = make_repository(server.folder / "main", files)
    with pytest.raises(SourceFailure, match=r"^the Git LFS file of 'a\.bin' is not on the server$"):
        contents(server, sha)


def test_a_server_without_lfs_is_the_reason(server: GitServer) -> None:
    files = {".gitattributes": ATTRIBUTES, "a.bin": pointer("1" * 64, 5)}
    sha = make_repository(server.folder / "main", files)
    server.has_lfs = False
    with pytest.raises(SourceFailure, match=r"the server has no Git LFS for it$"):
        contents(server, sha)


@pytest.mark.parametrize("sent", [b"other", b"longer than the pointer says", b"", b"sho"])
def test_other_bytes_than_the_pointer_names_are_never_taken(server: GitServer, sent: bytes) -> None:
    sha256 = server.add(b"right").split("sha256:")[1][:64]
    files = {".gitattributes": ATTRIBUTES, "a.bin": pointer(sha256, 5)}
    sha = make_repository(server.folder / "main", files)
    server.objects[sha256] = sent
    with pytest.raises(SourceUnavailable, match=r"sent (other bytes|too much) for"):
        contents(server, sha)


def test_lfs_files_count_against_the_limit_before_they_are_fetched(server: GitServer) -> None:
    files = {".gitattributes": ATTRIBUTES, "a.bin": pointer("1" * 64, 2_000_000)}
    sha = make_repository(server.folder / "main", files)
    limits = CheckoutLimits(max_bytes=1_000_000)
    with pytest.raises(SourceFailure, match=r"^the tree has more than 1000000 bytes$"):
        contents(server, sha, limits=limits)
    assert not [path for _, path, _ in server.seen if "lfs" in path]


def test_attributes_that_take_too_many_comparisons_are_the_reason_before_git_makes_them(
    server: GitServer,
) -> None:
    lines = "".join(f"*{'a*' * 40}b{number} zz\n" for number in range(99))
    files = {".gitattributes": f"{lines}* filter=lfs\n"}
    files |= {f"{number}.bin": pointer("1" * 64, 5) for number in range(20)}
    sha = make_repository(server.folder / "main", files)
    with pytest.raises(SourceFailure) as caught:
        contents(server, sha, limits=CheckoutLimits(max_attribute_tests=2_000))
    assert str(caught.value) == (
        "101 lines of .gitattributes for 20 Git LFS pointers are too many: "
        "more than 2000 comparisons"
    )


def test_too_many_lfs_files_are_the_reason_before_they_are_fetched(server: GitServer) -> None:
    files = {".gitattributes": ATTRIBUTES}
    files |= {f"{number}.bin": server.add(bytes([number])) for number in range(4)}
    sha = make_repository(server.folder / "main", files)
    with pytest.raises(SourceFailure, match=r"^there are more than 3 Git LFS files$"):
        contents(server, sha, limits=CheckoutLimits(max_lfs_files=3))
    assert not [path for _, path, _ in server.seen if "lfs" in path]


def test_an_lfs_server_of_the_repositorys_own_choice_is_refused(server: GitServer) -> None:
    files = {
        ".gitattributes": ATTRIBUTES,
        ".lfsconfig": "[lfs]\n\turl = http://169.254.169.254/\n",
        "a.bin": pointer("1" * 64, 5),
    }
    sha = make_repository(server.folder / "main", files)
    with pytest.raises(SourceFailure, match=r"named in \.lfsconfig is not supported$"):
        contents(server, sha)


def test_the_login_of_the_clone_url_is_for_the_lfs_server_and_is_not_told(
    server: GitServer, tmp_path: Path
) -> None:
    files = {".gitattributes": ATTRIBUTES, "a.bin": server.add(b"x")}
    sha = make_repository(server.folder / "main", files)
    url = server.url("main", "user:hush@")
    check_out(url, "refs/heads/main", sha, tmp_path / "work", CheckoutLimits())
    logins = [who for _, path, who in server.seen if path.endswith("/batch")]
    assert logins == ["Basic dXNlcjpodXNo"]
    # The file itself may be on a host of somebody else.
    assert [who for _, path, who in server.seen if path.startswith("/lfs/")] == [""]


@pytest.mark.parametrize("status", [500, 502, 503, 429, 403])
def test_a_server_in_trouble_is_weather_and_says_so(server: GitServer, status: int) -> None:
    sha = make_repository(server.folder / "main", {"z": "z"})
    server.status = status
    with pytest.raises(SourceUnavailable, match=str(status)):
        contents(server, sha)


def test_a_proxy_in_the_environment_does_not_stand_before_this_machine(
    server: GitServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {".gitattributes": ATTRIBUTES, "a.bin": server.add(b"x")}
    sha = make_repository(server.folder / "main", files)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert contents(server, sha)["a.bin"] == b"x"


@pytest.mark.parametrize(
    ("href", "header"),
    [
        ("http://[x", {}),
        ("http://a..b/x", {}),
        ("http://127.0.0.1:1/\ud800", {}),
        ("", {"Authorization": "\u2028"}),
        ("", ["no", "headers"]),
    ],
)
def test_an_odd_answer_of_a_git_lfs_server_is_weather(
    server: GitServer, href: str, header: Any
) -> None:
    files = {".gitattributes": ATTRIBUTES, "a.bin": server.add(b"content")}
    sha = make_repository(server.folder / "main", files)
    server.href, server.header = href, header
    with pytest.raises(SourceUnavailable, match="Git LFS server"):
        contents(server, sha)
