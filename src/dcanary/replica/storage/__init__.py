"""The state on disk: a checkpoint and the log of inputs after it (see `folder`)."""

from dcanary.replica.storage.check import Checked, check
from dcanary.replica.storage.damage import Damaged, Loss, NotWritten, WrongSubnet
from dcanary.replica.storage.store import Storage

__all__ = ["Checked", "Damaged", "Loss", "NotWritten", "Storage", "WrongSubnet", "check"]
