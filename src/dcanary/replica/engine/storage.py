from __future__ import annotations


class Storage:
    pass
