"""Headers of tar archives that somebody else made."""

from __future__ import annotations

import tarfile

MAX_EXTENSION_BYTES = 1 << 20
_EXTENSIONS = (
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
)


class BoundedTarInfo(tarfile.TarInfo):
    """For `tarfile.open(tarinfo=...)`: refuses long names and attributes of more than 1 MiB.

    `tarfile` reads them whole into memory before anybody sees the member that they belong to: three
    GiB of zeros take two megabytes in a compressed archive.
    """

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> BoundedTarInfo:
        """Read one header. Raises tarfile.TarError."""
        found = super().frombuf(buf, encoding, errors)
        if found.type in _EXTENSIONS and found.size > MAX_EXTENSION_BYTES:
            # Not a HeaderError: after one of these the archive would seem to have ended.
            raise tarfile.ReadError(f"a name or attributes of {found.size:,} bytes")
        return found
