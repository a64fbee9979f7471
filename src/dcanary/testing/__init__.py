"""Tools for tests of canisters."""
