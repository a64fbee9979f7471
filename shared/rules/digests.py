"""Digests that executors and canisters must compute alike. Plain Python, no kybra import.

A manifest digest is the sha256 of one line per file, sorted by path:
``<sha256 hex> <size decimal> <path>\\n``. A commitment is the sha256 of the attestation text below.
Both are text so that a person can recompute them with `sha256sum`.
"""

import hashlib

# With what the tests said. Version 2 is the same without it.
ATTESTATION_DOMAIN_3 = "dcanary-attestation-v3"
ATTESTATION_DOMAIN = "dcanary-attestation-v2"
# Without the commit's description. Executors of before it may have committed to this text.
ATTESTATION_DOMAIN_1 = "dcanary-attestation-v1"


def sha256_hex(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def is_digest(value: str) -> bool:
    """Whether the text is a sha256 digest in lower-case hexadecimal."""
    return len(value) == 64 and all(char in "0123456789abcdef" for char in value)


def manifest_digest(files: "list[tuple[str, int, str]]") -> str:
    """Digest of (path, size, sha256 hex) entries, whatever their order."""
    lines = [f"{sha256} {size} {path}\n" for path, size, sha256 in sorted(files)]
    return sha256_hex("".join(lines).encode())


def commit_digest(author: str, message: str) -> str:
    """Digest of a commit's description as an executor read it from the Git repository."""
    return sha256_hex(f"{author}\n{message}".encode())


def tests_digest(ran: int, skipped: int, failed_count: int, failed: "list[str]") -> str:
    """Digest of what the tests of a stage said."""
    lines = [f"ran {ran}", f"skipped {skipped}", f"failed {failed_count}", *failed]
    return sha256_hex("".join(f"{line}\n" for line in lines).encode())


def attestation_text(
    job: str,
    outcome: str,
    environment: str,
    manifest: str,
    commit: str,
    nonce: bytes,
    tests: str = "",
) -> str:
    """What an executor commits to. `outcome` is `succeeded` or `failed:<reason>`.

    `commit` is a `commit_digest`; when it is empty the text is that of version 1. `tests` is a
    `tests_digest`; when it is empty that of version 2.
    """
    domain = ATTESTATION_DOMAIN if commit else ATTESTATION_DOMAIN_1
    described = f"commit:{commit}\n" if commit else ""
    if tests:
        domain = ATTESTATION_DOMAIN_3
        described += f"tests:{tests}\n"
    return (
        f"{domain}\n"
        f"job:{job}\n"
        f"outcome:{outcome}\n"
        f"environment:{environment}\n"
        f"{described}"
        f"manifest:{manifest}\n"
        f"nonce:{nonce.hex()}\n"
    )


def commitment(
    job: str,
    outcome: str,
    environment: str,
    manifest: str,
    commit: str,
    nonce: bytes,
    tests: str = "",
) -> bytes:
    """The 32 bytes sent first; the attestation itself follows when all have committed."""
    text = attestation_text(job, outcome, environment, manifest, commit, nonce, tests)
    return hashlib.sha256(text.encode()).digest()
