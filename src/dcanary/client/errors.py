"""Everything that can go wrong between a person and a canister. One class per thing to do about it.

KINDS is the public table: what `--json` prints as `error`, and what a command exits with. Programs
depend on these words, so they are declared here and never derived from the name of a class.
"""

from __future__ import annotations

from typing import ClassVar, NamedTuple


class Kind(NamedTuple):
    """A kind of failure: the exit code of the command, and when it happens."""

    exit_code: int
    meaning: str


KINDS = {
    "usage": Kind(2, "the command line itself is wrong"),
    "file": Kind(2, "a file or value that the command was given is wrong, such as a `dcanary.yml`"),
    "config": Kind(2, "a file or setting of this machine is missing or wrong"),
    "network": Kind(3, "the network did not answer, or not as the Internet Computer does"),
    "local_network": Kind(3, "the local network could not be started, found or stopped"),
    "certificate": Kind(3, "an answer that the network did not certify, or too long ago"),
    "clock": Kind(3, "this machine's clock and the network's are too far apart"),
    "rejected": Kind(1, "the replica or the canister rejected the call"),
    "refused": Kind(1, "the canister answered `Err`; `kind` names the case"),
    "sandbox": Kind(1, "builds cannot be sandboxed on this machine"),
    "build": Kind(1, "a module could not be built"),
    "ended": Kind(1, "what was waited for ended otherwise than hoped"),
    "failed": Kind(1, "anything else that kept the command from its end, such as a time limit"),
    "interrupted": Kind(130, "interrupted, or a question was answered with no"),
}


class ClientError(Exception):
    """What happened, where, and what to do, in one sentence each."""

    error: ClassVar[str] = "failed"
    """Key of KINDS."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  {self.hint}" if self.hint else self.message

    @property
    def exit_code(self) -> int:
        """What the command line ends with."""
        return KINDS[self.error].exit_code

    def details(self) -> dict[str, object]:
        """What programs get besides kind and message."""
        return {}


class ConfigError(ClientError):
    """A file or setting of this machine is missing or wrong."""

    error = "config"


class NetworkError(ClientError):
    """The network did not answer, or not as the Internet Computer does."""

    error = "network"

    @property
    def is_of_no_canister(self) -> bool:
        """Whether the network said that it has no such canister, which it does not certify: the id
        is in none of its ranges."""
        return "canister_not_found" in self.message


class Unreachable(NetworkError):
    """Nothing answers at the address of the network."""

    def __init__(self, url: str, cause: object) -> None:
        super().__init__(
            f"cannot reach the network at {url}: {cause}",
            "is it running? `dcanary network status` tells, `dcanary network start` starts a local "
            "one",
        )
        self.url = url


class OtherVersion(NetworkError):
    """A canister of the installation is not of the version that this program is made for."""

    def __init__(self, canister: str, why: str) -> None:
        super().__init__(
            f"the canister {canister} is of another version of DCanary than this command: {why}",
            "`dcanary system deploy` upgrades an older installation and keeps its records; "
            "`dcanary system status` shows which canisters differ",
        )


class CertificateError(NetworkError):
    """An answer that the network did not certify. Nothing of it may be believed."""

    error = "certificate"


class OtherRootKey(CertificateError):
    """A certificate of another network, or of one whose keys were replaced."""

    def __init__(self) -> None:
        super().__init__(
            "the certificate is not signed by the network's root key",
            "check that the root key is the one of this network. If the keys of your own network "
            "were lost or replaced, trust the new ones: dcanary system connect --same-canisters",
        )


class ClockError(NetworkError):
    """This machine's clock and the network's are too far apart for a signed request."""

    error = "clock"

    def __init__(self, ahead_seconds: float) -> None:
        way = "ahead of" if ahead_seconds > 0 else "behind"
        super().__init__(
            f"this machine's clock is {abs(ahead_seconds):.0f} s {way} the network's",
            "set the clock right (such as: timedatectl set-ntp true) and try again",
        )
        self.ahead_seconds = ahead_seconds

    def details(self) -> dict[str, object]:
        return {"ahead_seconds": round(self.ahead_seconds)}


class RejectedError(ClientError):
    """The replica or the canister rejected the call; `code` is 1..6, `error_code` "IC0xxx"."""

    error = "rejected"

    def __init__(self, code: int, message: str, error_code: str, where: str) -> None:
        super().__init__(
            f"{where}: rejected: {message}" + (f" ({error_code})" if error_code else "")
        )
        self.code = code
        self.error_code = error_code
        self.reject_message = message
        self.where = where

    def details(self) -> dict[str, object]:
        return {"reject_code": self.code, "error_code": self.error_code}


class RefusedError(ClientError):
    """The canister answered `Err`; `kind` is the case's name, for programs to branch on."""

    error = "refused"

    def __init__(self, kind: str, sentence: str, where: str, hint: str = "") -> None:
        super().__init__(f"{where}: {kind}: {sentence}", hint)
        self.kind = kind
        self.sentence = sentence

    def details(self) -> dict[str, object]:
        return {"kind": self.kind}
