"""Headers of tar archives that somebody else made."""

from __future__ import annotations

import tarfile
from tarfile import ReadError

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
    GiB of zeros take two megabytes in a compressed archive. Broken numbers are refused too, such as
    sizes below zero, of which `tarfile` reads all there is.
    """

    @classmethod
    def fromtarfile(cls, tarfile: tarfile.TarFile) -> BoundedTarInfo:
        """Read the next member. Raises tarfile.TarError, and what reading the archive raises."""
        try:
            found = super().fromtarfile(tarfile)
        except (ValueError, OverflowError) as error:
            raise ReadError(f"a header with a broken number: {error}") from error
        # Attributes may have another size than the header.
        _check_size(found)
        return found

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> BoundedTarInfo:
        """Read one header. Raises tarfile.TarError."""
        found = super().frombuf(buf, encoding, errors)
        _check_size(found)
        if found.type in _EXTENSIONS and found.size > MAX_EXTENSION_BYTES:
            # Not a HeaderError: after one of these the archive would seem to have ended.
            raise ReadError(f"a name or attributes of {found.size:,} bytes")
        return found


def _check_size(member: tarfile.TarInfo) -> None:
    if member.size < 0:
        raise ReadError(f"a member of {member.size:,} bytes")
