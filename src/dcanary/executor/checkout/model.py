"""What a checkout is asked for and what it gives."""

import base64
from dataclasses import dataclass, field

from dcanary.executor.source import Entry

MIB = 1024 * 1024


@dataclass(frozen=True)
class CheckoutLimits:
    """What a checkout may cost, and which transports it may use.

    `max_bytes` bounds the files together (those of submodules and Git LFS too) and each transfer;
    `memory_bytes` one git process. `max_lfs_files` and `max_attribute_tests` (lines of attributes
    times files that look like Git LFS pointers) bound one repository. `cpu_seconds` bound all git
    processes together, and are a third of the time, so that only what the commit holds can reach
    them. `ref_seconds` are those that a server has to say which commit a ref names, and are half
    of what the canister waits for that (READ_NS). Executors that differ in these cannot agree about
    a commit that is over one of them.
    """

    max_bytes: int = 512 * MIB
    max_files: int = 50_000
    max_path_bytes: int = 1_024
    max_submodules: int = 64
    max_gitmodules_bytes: int = MIB
    max_lfs_files: int = 5_000
    max_attribute_tests: int = 10_000_000
    memory_bytes: int = 1_024 * MIB
    timeout_seconds: float = 300
    ref_seconds: float = 30
    cpu_seconds: float = 100
    schemes: tuple[str, ...] = ("https", "http")


@dataclass(frozen=True)
class Credential:
    """Who to be for the server of a clone URL, and nowhere else. `secret` is the name it has.

    With an `address` the token is a private key for SSH, and the repository is fetched from there:
    from a server that shows one of `host_keys`.

    Not for submodules: a commit chooses those, and whoever may push could read with it what only
    the token's owner may.
    """

    url: str
    secret: str
    username: str
    token: str = field(repr=False)
    address: str = ""
    host_keys: tuple[str, ...] = ()

    @property
    def header(self) -> str:
        """The HTTP header that says so."""
        both = base64.b64encode(f"{self.username}:{self.token}".encode()).decode()
        return f"Authorization: Basic {both}"


@dataclass(frozen=True)
class Commit:
    """What a commit says of itself: author's name, message (at most 1,000 characters), time.

    `time` is the committer's, in seconds since 1970, 0 where the commit has none that is sound.
    """

    author: str
    message: str
    time: int


@dataclass(frozen=True)
class Checkout:
    """A commit, and all files of its tree, its submodules and Git LFS.

    `fetched_bytes`: of the packs and of the Git LFS files that came for it.
    """

    commit: Commit
    entries: tuple[Entry, ...]
    fetched_bytes: int = 0
