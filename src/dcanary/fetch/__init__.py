"""Dependencies of a commit: exactly what its lock files pin, in the tools' own offline forms.

`locks` read what is pinned, `bring` downloads it, and `layout` writes the folder whose manifest
operators agree on.
"""
