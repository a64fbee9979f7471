"""Requests as they travel: CBOR envelopes, request ids, signatures, principals, Candid records."""
