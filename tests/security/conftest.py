"""What tests of canisters start from."""

from tests.canisters.conftest import installation

__all__ = ["installation"]
