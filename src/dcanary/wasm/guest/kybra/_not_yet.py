"""What of Kybra is not there yet: one entry for each refusal: (what, the sentence that it gives).

`docs/reference/not-yet.md` is generated from the entries. Nothing is imported here, so that the
page can be made without a canister.
"""

LEDGER = (
    "`kybra.canisters.ledger`",
    "kybra.canisters.ledger is not supported yet: describe the ledger with a Service class of your "
    "own, or use ic.call_raw",
)
MANAGEMENT = (
    "the parts of `kybra.canisters.management` about Bitcoin and threshold ECDSA",
    "kybra.canisters.management.{} is not supported yet: use ic.call_raw or describe the method "
    "with a Service class of your own",
)
GENERIC = (
    "generic records and variants",
    "the type variable {}: generic Records and Variants are not supported yet: write a class for "
    "each type",
)
