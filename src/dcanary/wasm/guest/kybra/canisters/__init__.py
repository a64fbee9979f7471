"""Descriptions of well-known canisters."""
