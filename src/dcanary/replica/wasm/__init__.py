"""Canister modules: the rules they must keep, metering, compilation and its cache."""
