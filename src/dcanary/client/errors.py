"""Everything that can go wrong between a person and a canister. One class per thing to do about it.

`exit_code` is what the command line ends with: 1 refused, 2 usage, 3 network.
"""

from __future__ import annotations


class ClientError(Exception):
    """What happened, where, and what to do, in one sentence each."""

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  {self.hint}" if self.hint else self.message


class ConfigError(ClientError):
    """A file or setting of this machine is missing or wrong."""

    exit_code = 2


class NetworkError(ClientError):
    """The network did not answer, or not as the Internet Computer does."""

    exit_code = 3


class CertificateError(NetworkError):
    """An answer that the network did not certify. Nothing of it may be believed."""


class RejectedError(ClientError):
    """The replica or the canister rejected the call; `code` is 1..6, `error_code` "IC0xxx"."""

    def __init__(self, code: int, message: str, error_code: str, where: str) -> None:
        super().__init__(
            f"{where}: rejected: {message}" + (f" ({error_code})" if error_code else "")
        )
        self.code = code
        self.error_code = error_code
        self.reject_message = message


class RefusedError(ClientError):
    """The canister answered `Err`; `kind` is the case's name, for programs to branch on."""

    def __init__(self, kind: str, sentence: str, where: str) -> None:
        super().__init__(f"{where}: {kind}: {sentence}")
        self.kind = kind
        self.sentence = sentence
