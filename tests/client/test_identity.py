"""Identities and principals."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st
from ic.identity import Identity as IcIdentity
from ic.principal import Principal

from dcanary.client import principal
from dcanary.client.errors import ConfigError
from dcanary.client.identity import create_identity, load_identity


@given(st.binary(max_size=29))
def test_a_principal_survives_its_text(raw: bytes) -> None:
    text = principal.to_text(raw)
    assert principal.from_text(text) == raw
    assert text == Principal(raw).to_str()


@pytest.mark.parametrize(
    "text", ["", "aaaaa", "aaaaa-ab", "AAAAA-AA", "2vxsx-fa", "not a principal"]
)
def test_what_is_not_a_principal_is_named(text: str) -> None:
    with pytest.raises(ConfigError, match="is not a principal"):
        principal.from_text(text)


def test_a_new_identity_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "identities" / "alice.pem"
    made = create_identity(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_identity(path).principal == made.principal


def test_an_identity_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "alice.pem"
    create_identity(path)
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="exists already"):
        create_identity(path)
    assert path.read_bytes() == before


def test_ic_py_reads_the_same_principal_from_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "alice.pem"
    made = create_identity(path)
    assert IcIdentity.from_pem(path.read_text()).sender().to_str() == made.principal


def test_a_secp256k1_key_signs_raw_r_and_s(tmp_path: Path) -> None:
    path = tmp_path / "dfx.pem"
    key = ec.generate_private_key(ec.SECP256K1())
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
    )
    public, signature = load_identity(path).sign(b"message")
    assert public is not None
    assert signature is not None
    assert len(signature) == 64


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="dcanary identity new bob"):
        load_identity(tmp_path / "bob.pem")


def test_other_keys_and_other_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.pem"
    path.write_text("not a key")
    with pytest.raises(ConfigError, match="not a PEM"):
        load_identity(path)
    key = rsa.generate_private_key(65537, 2048)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    with pytest.raises(ConfigError, match="another kind"):
        load_identity(path)


def test_an_encrypted_key_is_refused_without_asking(tmp_path: Path) -> None:
    path = tmp_path / "x.pem"
    path.write_bytes(
        ed25519.Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    with pytest.raises(ConfigError, match="encrypted"):
        load_identity(path)


def test_the_key_is_not_in_what_is_printed(tmp_path: Path) -> None:
    made = create_identity(tmp_path / "alice.pem")
    assert repr(made) == f"Identity(alice, {made.principal})"
