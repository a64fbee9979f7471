"""The management canister, `aaaaa-aa` (Internet Computer interface spec).

What Kybra 0.7.1 describes, without Bitcoin and threshold ECDSA; every other method can be called
with `ic.call_raw`.
"""

from __future__ import annotations

from typing import Any

from ... import Principal, Service, blob, service_update, void
from ..._errors import LoadError
from ..._not_yet import MANAGEMENT
from .basic import (
    CanisterSettings,
    CanisterStatus,
    CanisterStatusArgs,
    CanisterStatusResult,
    CreateCanisterArgs,
    CreateCanisterResult,
    DefiniteCanisterSettings,
    DeleteCanisterArgs,
    DepositCyclesArgs,
    InstallCodeArgs,
    InstallCodeMode,
    ProvisionalCreateCanisterWithCyclesArgs,
    ProvisionalCreateCanisterWithCyclesResult,
    ProvisionalTopUpCanisterArgs,
    StartCanisterArgs,
    StopCanisterArgs,
    UninstallCodeArgs,
    UpdateSettingsArgs,
)
from .http import (
    HttpHeader,
    HttpMethod,
    HttpRequestArgs,
    HttpResponse,
    HttpTransform,
    HttpTransformArgs,
    HttpTransformFunc,
)


class ManagementCanister(Service):
    @service_update
    def create_canister(self, args: CreateCanisterArgs) -> CreateCanisterResult: ...

    @service_update
    def update_settings(self, args: UpdateSettingsArgs) -> void: ...

    @service_update
    def install_code(self, args: InstallCodeArgs) -> void: ...

    @service_update
    def uninstall_code(self, args: UninstallCodeArgs) -> void: ...

    @service_update
    def start_canister(self, args: StartCanisterArgs) -> void: ...

    @service_update
    def stop_canister(self, args: StopCanisterArgs) -> void: ...

    @service_update
    def canister_status(self, args: CanisterStatusArgs) -> CanisterStatusResult: ...

    @service_update
    def delete_canister(self, args: DeleteCanisterArgs) -> void: ...

    @service_update
    def deposit_cycles(self, args: DepositCyclesArgs) -> void: ...

    @service_update
    def raw_rand(self) -> blob: ...

    @service_update
    def provisional_create_canister_with_cycles(
        self, args: ProvisionalCreateCanisterWithCyclesArgs
    ) -> ProvisionalCreateCanisterWithCyclesResult: ...

    @service_update
    def provisional_top_up_canister(self, args: ProvisionalTopUpCanisterArgs) -> void: ...

    @service_update
    def http_request(self, args: HttpRequestArgs) -> HttpResponse: ...

    def __getattr__(self, name: str) -> Any:
        if name.startswith(("bitcoin_", "ecdsa_", "sign_with_")):
            raise LoadError(MANAGEMENT[1].format(name))
        raise AttributeError(name)


management_canister = ManagementCanister(Principal.management_canister())

_NOT_YET = frozenset(
    [
        "BitcoinAddress",
        "BitcoinNetwork",
        "BlockHash",
        "EcdsaCurve",
        "EcdsaPublicKeyArgs",
        "EcdsaPublicKeyResult",
        "GetBalanceArgs",
        "GetCurrentFeePercentilesArgs",
        "GetUtxosArgs",
        "GetUtxosResult",
        "KeyId",
        "MillisatoshiPerByte",
        "Outpoint",
        "Page",
        "Satoshi",
        "SendTransactionArgs",
        "SendTransactionError",
        "SignWithEcdsaArgs",
        "SignWithEcdsaResult",
        "Utxo",
        "UtxosFilter",
    ]
)


def __getattr__(name: str) -> Any:
    if name in _NOT_YET:
        raise LoadError(MANAGEMENT[1].format(name))
    raise AttributeError(name)


__all__ = [
    "CanisterSettings",
    "CanisterStatus",
    "CanisterStatusArgs",
    "CanisterStatusResult",
    "CreateCanisterArgs",
    "CreateCanisterResult",
    "DefiniteCanisterSettings",
    "DeleteCanisterArgs",
    "DepositCyclesArgs",
    "HttpHeader",
    "HttpMethod",
    "HttpRequestArgs",
    "HttpResponse",
    "HttpTransform",
    "HttpTransformArgs",
    "HttpTransformFunc",
    "InstallCodeArgs",
    "InstallCodeMode",
    "ManagementCanister",
    "ProvisionalCreateCanisterWithCyclesArgs",
    "ProvisionalCreateCanisterWithCyclesResult",
    "ProvisionalTopUpCanisterArgs",
    "StartCanisterArgs",
    "StopCanisterArgs",
    "UninstallCodeArgs",
    "UpdateSettingsArgs",
    "management_canister",
]
