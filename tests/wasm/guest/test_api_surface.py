"""What canister authors can import is what the Kybra wheel offers."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path

import pytest

from dcanary.testing.guest import Guest

# Helpers of the wheel itself, and names of its typing that mean nothing at run time.
INTERNAL = {"get_first_called_function_name", "get_first_frame", "service_method", "P", "T", "K",
            "V", "PrincipalRenamed", "__rust_version__"}  # fmt: skip
NOT_YET = "is not supported yet"


def wheel_source(name: str = "__init__.py") -> ast.Module:
    spec = importlib.util.find_spec("kybra")
    assert spec is not None and spec.origin is not None
    return ast.parse((Path(spec.origin).parent / name).read_text())


def top_level_names(tree: ast.Module) -> set[str]:
    names = set()
    for node in tree.body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    return names


def methods_of(tree: ast.Module, name: str) -> dict[str, list[str]]:
    (found,) = [n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == name]
    return {
        node.name: [argument.arg for argument in node.args.args]
        for node in found.body
        if isinstance(node, ast.FunctionDef)
    }


def test_every_name_of_the_wheel_is_there(shared_guest: Guest) -> None:
    names = top_level_names(wheel_source()) - INTERNAL
    missing = {name for name in names if not hasattr(shared_guest.kybra, name)}
    assert len(names) > 50
    assert missing == set()


@pytest.mark.parametrize("name", ["ic", "StableBTreeMap"])
def test_every_method_is_there_with_the_same_parameters(shared_guest: Guest, name: str) -> None:
    for method, parameters in methods_of(wheel_source(), name).items():
        code = getattr(getattr(shared_guest.kybra, name), method).__code__
        own = list(code.co_varnames[: code.co_argcount])
        assert method == "print" or own == parameters, method


def test_the_management_canister_is_described_or_says_what_is_missing(shared_guest: Guest) -> None:
    management = shared_guest.module("canisters.management")
    described = methods_of(wheel_source("canisters/management/__init__.py"), "ManagementCanister")
    for method in described:
        if method.startswith(("bitcoin_", "ecdsa_", "sign_with_")):
            with pytest.raises(shared_guest.kybra.Error, match=NOT_YET):
                getattr(management.management_canister, method)
        else:
            assert callable(getattr(management.ManagementCanister, method))
    for part in ("basic", "http", "bitcoin", "tecdsa"):
        for name in top_level_names(wheel_source(f"canisters/management/{part}.py")):
            if part in ("bitcoin", "tecdsa"):
                with pytest.raises(shared_guest.kybra.Error, match=NOT_YET):
                    getattr(management, name)
            else:
                assert hasattr(management, name)


def test_management_records_have_the_fields_of_the_wheel(shared_guest: Guest) -> None:
    management = shared_guest.module("canisters.management")
    for part in ("basic", "http"):
        for node in wheel_source(f"canisters/management/{part}.py").body:
            if isinstance(node, ast.ClassDef):
                fields = [
                    item.target.id
                    for item in node.body
                    if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)
                ]
                assert list(getattr(management, node.name).__annotations__) == fields


def test_the_ledger_is_not_there_yet_and_says_so(shared_guest: Guest) -> None:
    with pytest.raises(shared_guest.kybra.Error, match=NOT_YET):
        shared_guest.module("canisters.ledger")


def test_numbers_behave_as_int_and_float(shared_guest: Guest) -> None:
    kybra = shared_guest.kybra
    assert isinstance(5, kybra.nat64) and not isinstance("5", kybra.nat64)
    assert type(kybra.nat64(5)) is int and type(kybra.float32(5)) is float
    assert isinstance(0.5, kybra.float64) and not isinstance(5, kybra.float64)


def test_match_takes_dicts_call_results_and_the_rest(shared_guest: Guest) -> None:
    kybra = shared_guest.kybra
    cases = {"Ok": lambda value: f"ok {value}", "Err": lambda text: f"err {text}"}
    assert kybra.match({"Ok": 1}, cases) == "ok 1"
    assert kybra.match(kybra.CallResult(None, "x"), cases) == "err x"
    assert kybra.match(kybra.CallResult(0, None), cases) == "ok 0"
    assert kybra.match({"Other": 1}, {"Ok": str, "_": lambda _: "rest"}) == "rest"
    with pytest.raises(Exception, match="No matching case"):
        kybra.match({"Other": 1}, cases)


def test_records_are_made_as_dicts(shared_guest: Guest) -> None:
    main = shared_guest.define("class R(Record):\n    a: nat\n")
    assert main.R(a=1) == {"a": 1}
    with pytest.raises(shared_guest.kybra.Error, match="derive a class"):
        shared_guest.kybra.Record("R", {"a": int})
