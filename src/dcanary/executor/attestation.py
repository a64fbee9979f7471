"""What an executor commits to, and how the commitment is made from it.

The texts are those of `shared/rules/digests.py`; a test compares both.
"""

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field

from dcanary.executor.manifest import ManifestFile
from dcanary.executor.reports import TestReport

DOMAIN_3 = "dcanary-attestation-v3"
DOMAIN = "dcanary-attestation-v2"
DOMAIN_1 = "dcanary-attestation-v1"
NONCE_BYTES = 32


def manifest_digest(files: Iterable[ManifestFile]) -> str:
    """sha256, in hexadecimal, of one line `<sha256> <size> <path>` per file, sorted by path."""
    lines = [f"{file.sha256} {file.size} {file.path}\n" for file in sorted(files)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


@dataclass(frozen=True)
class CommitDescription:
    """What the commit itself says: who wrote it, and why."""

    author: str
    message: str

    @property
    def digest(self) -> str:
        """sha256, in hexadecimal, of the author, a line break and the message."""
        return hashlib.sha256(f"{self.author}\n{self.message}".encode()).hexdigest()


@dataclass(frozen=True)
class Attestation:
    """One executor's answer about one job. `reason` is empty when the job succeeded.

    `environment` is the environment digest; `nonce` keeps the commitment from being guessed.
    Without `commit` the text has the form of version 1, which knew none; with `tests` that of
    version 3.
    """

    job: str
    reason: str
    environment: str
    files: tuple[ManifestFile, ...]
    nonce: bytes = field(default_factory=lambda: secrets.token_bytes(NONCE_BYTES), repr=False)
    commit: CommitDescription | None = None
    tests: TestReport | None = None

    @property
    def outcome(self) -> str:
        return f"failed:{self.reason}" if self.reason else "succeeded"

    def commitment(self) -> bytes:
        """The 32 bytes that are sent before the attestation itself."""
        domain = DOMAIN_1 if self.commit is None else DOMAIN
        described = "" if self.commit is None else f"commit:{self.commit.digest}\n"
        if self.tests is not None:
            domain = DOMAIN_3
            described += f"tests:{self.tests.digest}\n"
        text = (
            f"{domain}\n"
            f"job:{self.job}\n"
            f"outcome:{self.outcome}\n"
            f"environment:{self.environment}\n"
            f"{described}"
            f"manifest:{manifest_digest(self.files)}\n"
            f"nonce:{self.nonce.hex()}\n"
        )
        return hashlib.sha256(text.encode()).digest()
