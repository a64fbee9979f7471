"""Canister modules: parsing, validation, metering, rewriting and compilation."""
