"""The management canister, one module per family of operations."""

from dcanary.replica.engine.management.dispatch import Management

__all__ = ["Management"]
