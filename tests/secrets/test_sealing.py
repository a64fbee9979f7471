"""A sealed value opens with one key, in one place, and tells little of its length."""

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from dcanary.secrets.errors import SecretProblem
from dcanary.secrets.keys import public_bytes
from dcanary.secrets.sealing import MAX_VALUE_BYTES, MIN_VALUE_BYTES, Place, seal, unseal
from shared.rules.limits import MAX_SEALED_BYTES, MAX_SECRET_VALUE_BYTES

KEY = X25519PrivateKey.generate()
PLACE = Place("rrkah-fqaaa-aaaaa-aaaaq-cai", "demo", "NPM_TOKEN", 3, "aaaaa-recipient")
VALUE = b"npm_0123456789"


def test_what_is_sealed_opens_with_the_key_in_its_place() -> None:
    assert unseal(seal(VALUE, public_bytes(KEY), PLACE), KEY, PLACE) == VALUE


def test_the_same_value_is_sealed_otherwise_each_time() -> None:
    assert seal(VALUE, public_bytes(KEY), PLACE) != seal(VALUE, public_bytes(KEY), PLACE)


def test_another_key_does_not_open_it() -> None:
    sealed = seal(VALUE, public_bytes(KEY), PLACE)
    with pytest.raises(SecretProblem, match="NPM_TOKEN does not open"):
        unseal(sealed, X25519PrivateKey.generate(), PLACE)


@pytest.mark.parametrize(
    "elsewhere",
    [
        replace(PLACE, installation="ryjl3-tyaaa-aaaaa-aaaba-cai"),
        replace(PLACE, repository="other"),
        replace(PLACE, repository=""),
        replace(PLACE, name="OTHER_TOKEN"),
        replace(PLACE, version=2),
        replace(PLACE, recipient="bbbbb-recipient"),
        # The parts of a place cannot be cut otherwise.
        replace(PLACE, repository="dem", name="oNPM_TOKEN"),
    ],
)
def test_a_sealed_value_that_was_moved_does_not_open(elsewhere: Place) -> None:
    sealed = seal(VALUE, public_bytes(KEY), PLACE)
    with pytest.raises(SecretProblem, match="does not open"):
        unseal(sealed, KEY, elsewhere)


@pytest.mark.parametrize("at", [0, 31, 32, 100, -1])
def test_a_changed_byte_is_noticed(at: int) -> None:
    sealed = bytearray(seal(VALUE, public_bytes(KEY), PLACE))
    sealed[at] ^= 1
    with pytest.raises(SecretProblem):
        unseal(bytes(sealed), KEY, PLACE)


@pytest.mark.parametrize("sealed", [b"", b"short", bytes(48)])
def test_what_is_no_sealed_value_does_not_open(sealed: bytes) -> None:
    with pytest.raises(SecretProblem):
        unseal(sealed, KEY, PLACE)


def test_lengths_are_hidden_in_four_steps() -> None:
    sizes = {
        len(seal(b"x" * size, public_bytes(KEY), PLACE))
        for size in (8, 9, 100, 252, 253, 1_000, 1_020, 1_021, 4_000, 4_093, MAX_VALUE_BYTES)
    }
    assert len(sizes) == 4
    assert max(sizes) <= MAX_SEALED_BYTES


def test_the_longest_value_is_sealed_and_no_longer_one() -> None:
    assert MAX_VALUE_BYTES == MAX_SECRET_VALUE_BYTES
    longest = b"x" * MAX_VALUE_BYTES
    assert unseal(seal(longest, public_bytes(KEY), PLACE), KEY, PLACE) == longest
    with pytest.raises(SecretProblem, match="16385 bytes"):
        seal(longest + b"x", public_bytes(KEY), PLACE)


@pytest.mark.parametrize(
    ("value", "named"),
    [(b"x" * (MIN_VALUE_BYTES - 1), "7 bytes"), (b"12345678\0", "NUL"), (b"\xff" * 20, "UTF-8")],
)
def test_what_no_variable_can_hold_is_refused(value: bytes, named: str) -> None:
    with pytest.raises(SecretProblem, match=named):
        seal(value, public_bytes(KEY), PLACE)


@pytest.mark.parametrize("key", [b"", bytes(31), bytes(32)])
def test_what_is_no_key_is_refused(key: bytes) -> None:
    with pytest.raises(SecretProblem, match="cannot be sealed"):
        seal(VALUE, key, PLACE)
