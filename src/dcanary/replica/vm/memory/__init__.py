"""Main and stable memory of canisters, with rollback."""
