"""Debian's archive: signed releases, indexes of packages, their dependencies, and `.deb` files."""
