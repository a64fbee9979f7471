"""The HTTPS interface of the Internet Computer over one node (Starlette)."""
