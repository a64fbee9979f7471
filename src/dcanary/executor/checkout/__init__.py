"""Fetching one commit with all that it pins: its tree, submodules and Git LFS files."""

from dcanary.executor.checkout.check_out import check_out, read_ref
from dcanary.executor.checkout.model import Checkout, CheckoutLimits, Commit, Credential

__all__ = ["Checkout", "CheckoutLimits", "Commit", "Credential", "check_out", "read_ref"]
