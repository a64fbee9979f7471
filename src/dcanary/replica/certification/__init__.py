"""Certified state: hash trees, certificates, node signatures and the keys that make them."""
