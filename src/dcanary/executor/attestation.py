"""What an executor commits to, and how the commitment is made from it.

The texts are those of `shared/rules/digests.py`; a test compares both.
"""

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field

from dcanary.executor.manifest import ManifestFile

DOMAIN = "dcanary-attestation-v1"
NONCE_BYTES = 32


def manifest_digest(files: Iterable[ManifestFile]) -> str:
    """sha256, in hexadecimal, of one line `<sha256> <size> <path>` per file, sorted by path."""
    lines = [f"{file.sha256} {file.size} {file.path}\n" for file in sorted(files)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


@dataclass(frozen=True)
class Attestation:
    """One executor's answer about one job. `reason` is empty when the job succeeded.

    `environment` is the environment digest; `nonce` keeps the commitment from being guessed.
    """

    job: str
    reason: str
    environment: str
    files: tuple[ManifestFile, ...]
    nonce: bytes = field(default_factory=lambda: secrets.token_bytes(NONCE_BYTES), repr=False)

    @property
    def outcome(self) -> str:
        return f"failed:{self.reason}" if self.reason else "succeeded"

    def commitment(self) -> bytes:
        """The 32 bytes that are sent before the attestation itself."""
        text = (
            f"{DOMAIN}\n"
            f"job:{self.job}\n"
            f"outcome:{self.outcome}\n"
            f"environment:{self.environment}\n"
            f"manifest:{manifest_digest(self.files)}\n"
            f"nonce:{self.nonce.hex()}\n"
        )
        return hashlib.sha256(text.encode()).digest()
