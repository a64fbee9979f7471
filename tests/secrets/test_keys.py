"""The key of an executor for secrets: made once, readable by its owner alone."""

import stat
import threading
from pathlib import Path

import pytest

from dcanary.secrets.errors import SecretProblem
from dcanary.secrets.keys import fingerprint, public_bytes, secret_key


def test_a_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "executor" / "secrets.key"
    made = public_bytes(secret_key(path))
    assert public_bytes(secret_key(path)) == made
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["secrets.key"]


def test_two_that_begin_together_have_one_key(tmp_path: Path) -> None:
    path, found = tmp_path / "secrets.key", set()
    threads = [
        threading.Thread(target=lambda: found.add(public_bytes(secret_key(path)))) for _ in range(8)
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(found) == 1


def test_a_key_that_others_can_read_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "secrets.key"
    secret_key(path)
    path.chmod(0o640)
    with pytest.raises(SecretProblem, match="others can read the key"):
        secret_key(path)


@pytest.mark.parametrize("content", [b"", b"zz", b"00" * 31, b"\xff\xfe"])
def test_a_file_that_holds_no_key_is_named(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "secrets.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(SecretProblem, match="holds no X25519 key"):
        secret_key(path)


def test_a_fingerprint_is_short_and_of_one_key() -> None:
    assert fingerprint(bytes(32)) == "6668-7aad-f862-bd77"
    assert fingerprint(b"\1" * 32) != fingerprint(bytes(32))
