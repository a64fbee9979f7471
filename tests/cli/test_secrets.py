"""Webhook secrets: one current one in the file that people copy from."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from dcanary.cli.operations.secrets import kept_secret, new_secret_file, next_secret
from dcanary.client.errors import NetworkError, RefusedError


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    path = kept_secret(tmp_path, "counter")
    new_secret_file(path)
    return path


def test_a_rotation_leaves_the_new_secret_and_nothing_else(kept: Path) -> None:
    before = kept.read_bytes()
    with next_secret(kept) as secret:
        assert kept.read_bytes() == before
    assert kept.read_bytes() == secret + b"\n" != before
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert list(kept.parent.iterdir()) == [kept]


def test_a_secret_of_ones_own_takes_the_place_of_the_old_one(kept: Path) -> None:
    with next_secret(kept, b"my own secret of some length") as secret:
        assert secret == b"my own secret of some length"
    assert kept.read_bytes() == b"my own secret of some length\n"


def test_what_the_canister_refuses_changes_nothing(kept: Path) -> None:
    before = kept.read_bytes()
    with pytest.raises(RefusedError), next_secret(kept):
        raise RefusedError("Denied", "no", "webhook")
    assert kept.read_bytes() == before
    assert list(kept.parent.iterdir()) == [kept]


def test_after_a_lost_answer_the_same_secret_is_sent_again(kept: Path) -> None:
    with pytest.raises(NetworkError), next_secret(kept) as first:
        raise NetworkError("lost")
    with next_secret(kept) as again:
        assert again == first
    assert kept.read_bytes() == first + b"\n"


def test_a_repository_that_was_added_with_a_secret_of_its_owner_gets_a_file(tmp_path: Path) -> None:
    kept = kept_secret(tmp_path, "other")
    with next_secret(kept) as secret:
        pass
    assert kept.read_bytes() == secret + b"\n"
