"""Executors and canisters compute the same digests."""

import importlib.util
from pathlib import Path
from types import ModuleType

from hypothesis import given
from hypothesis import strategies as st

from dcanary.executor.attestation import Attestation, CommitDescription, manifest_digest
from dcanary.executor.manifest import ManifestFile
from dcanary.executor.reports import TestReport

HASHING = Path(__file__).parents[2] / "shared" / "rules" / "digests.py"


def _hashing() -> ModuleType:
    spec = importlib.util.spec_from_file_location("shared_hashing", HASHING)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


THEIRS = _hashing()
_files = st.lists(
    st.builds(
        ManifestFile,
        st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=1),
        st.integers(0, 2**64 - 1),
        st.binary(min_size=32, max_size=32).map(bytes.hex),
    ),
    max_size=5,
)


_described = st.none() | st.builds(CommitDescription, st.text(max_size=20), st.text(max_size=40))


_names = st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1))
_reports = st.none() | st.builds(
    TestReport,
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**32 - 1),
    _names.map(tuple),
)


@given(
    _files,
    st.sampled_from(["", "command", "time_limit"]),
    st.binary(max_size=40),
    _described,
    _reports,
)
def test_a_commitment_is_what_the_canister_recomputes(
    files: list[ManifestFile],
    reason: str,
    nonce: bytes,
    described: CommitDescription | None,
    tests: TestReport | None,
) -> None:
    manifest = THEIRS.manifest_digest([(file.path, file.size, file.sha256) for file in files])
    assert manifest_digest(files) == manifest
    attestation = Attestation(
        "run-1/build/0", reason, "e" * 64, tuple(files), nonce, described, tests
    )
    commit = "" if described is None else THEIRS.commit_digest(described.author, described.message)
    outcome = f"failed:{reason}" if reason else "succeeded"
    said = ""
    if tests is not None:
        said = THEIRS.tests_digest(tests.ran, tests.skipped, tests.failed_count, list(tests.failed))
    theirs = THEIRS.commitment("run-1/build/0", outcome, "e" * 64, manifest, commit, nonce, said)
    assert attestation.commitment() == theirs


def test_two_attestations_of_the_same_job_have_different_nonces_that_are_not_shown() -> None:
    first, second = (Attestation("run-1/build/0", "", "e" * 64, ()) for _ in range(2))
    assert first.commitment() != second.commitment()
    assert first.nonce.hex() not in repr(first)
    assert str(first.nonce) not in repr(first)
