"""The ledger's types, as in Kybra; not there yet."""

from ..._errors import LoadError

raise LoadError(
    "kybra.canisters.ledger is not supported yet: describe the ledger with a Service class of your "
    "own, or use ic.call_raw"
)
