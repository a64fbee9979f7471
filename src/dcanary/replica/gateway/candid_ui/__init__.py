"""A page that lists and calls the methods of any canister, from the interface it publishes."""
