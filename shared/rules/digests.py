"""Digests that executors and canisters must compute alike. Plain Python, no kybra import.

A manifest digest is the sha256 of one line per file, sorted by path:
``<sha256 hex> <size decimal> <path>\\n``. A commitment is the sha256 of the attestation text below.
Both are text so that a person can recompute them with `sha256sum`.
"""

import hashlib

ATTESTATION_DOMAIN = "dcanary-attestation-v1"


def sha256_hex(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def manifest_digest(files: "list[tuple[str, int, str]]") -> str:
    """Digest of (path, size, sha256 hex) entries, whatever their order."""
    lines = [f"{sha256} {size} {path}\n" for path, size, sha256 in sorted(files)]
    return sha256_hex("".join(lines).encode())


def attestation_text(job: str, outcome: str, environment: str, manifest: str, nonce: bytes) -> str:
    """What an executor commits to. `outcome` is `succeeded` or `failed:<reason>`."""
    return (
        f"{ATTESTATION_DOMAIN}\n"
        f"job:{job}\n"
        f"outcome:{outcome}\n"
        f"environment:{environment}\n"
        f"manifest:{manifest}\n"
        f"nonce:{nonce.hex()}\n"
    )


def commitment(job: str, outcome: str, environment: str, manifest: str, nonce: bytes) -> bytes:
    """The 32 bytes sent first; the attestation itself follows when all have committed."""
    text = attestation_text(job, outcome, environment, manifest, nonce)
    return hashlib.sha256(text.encode()).digest()
