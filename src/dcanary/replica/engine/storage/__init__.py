"""The state on disk: a checkpoint and the log of inputs after it.

state/
  lock                     held while an engine has the folder open
  blobs/<sha256>           modules, chunks, snapshot images
  checkpoints/<n>/         state.cbor, <canister>.heap, <canister>.stable
  log/<n>                  inputs after checkpoint n
"""

from dcanary.replica.engine.storage.store import Storage

__all__ = ["Storage"]
