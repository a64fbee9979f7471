"""Loading a canister: exports, Candid interface, and what is refused at build time."""

from __future__ import annotations

from pathlib import Path

import pytest

from dcanary.testing.native import NativeCanister, NativeNetwork

HEAD = "from kybra import *\n"


def load(folder: Path, source: str, **modules: str) -> NativeCanister:
    for name, text in modules.items():
        (folder / f"{name}.py").write_text(HEAD + text)
    main = folder / "main.py"
    main.write_text(HEAD + source)
    return NativeNetwork().install(main)


def refuse(folder: Path, source: str, message: str) -> None:
    with pytest.raises(Exception, match=message) as caught:
        load(folder, source)
    assert type(caught.value).__name__ == "LoadError"
    assert "\n" not in str(caught.value)


def test_exports_are_the_methods_and_what_every_canister_has(tmp_path: Path) -> None:
    canister = load(
        tmp_path,
        "@query\ndef b() -> void: ...\n@update\ndef a() -> void: ...\n"
        "@query\ndef c() -> Async[void]:\n    yield from ()\n"
        "@heartbeat\ndef beat() -> void: ...\n@pre_upgrade\ndef before() -> void: ...\n"
        "@inspect_message\ndef inspect() -> void:\n    ic.accept_message()\n",
    )
    assert list(canister.exports) == [
        "canister_init",
        "canister_post_upgrade",
        "canister_global_timer",
        "canister_update <kybra internal> run_timer",
        "canister_pre_upgrade",
        "canister_inspect_message",
        "canister_heartbeat",
        "canister_update a",
        "canister_query b",
        "canister_composite_query c",
    ]


def test_the_interface_is_sorted_and_names_the_classes(tmp_path: Path) -> None:
    canister = load(
        tmp_path,
        "from other import Shape\nfrom other import Thing as OtherThing\n"
        "class Thing(Record):\n    zebra: Opt[nat]\n    from_: Vec['Thing']\n    at: TimerId\n"
        "class Door(Service):\n    @service_query\n    def open(self, how: str) -> void: ...\n"
        "    @service_update\n    def close(self) -> Shape: ...\n"
        "Callback = Func(Query[[Thing], nat64])\n"
        "@query\ndef second(a: Thing, b: OtherThing) -> Tuple[Shape, Door]: ...\n"
        "@update\ndef first(c: Callback, d: Alias[blob], e: Vec[nat8]) -> void: ...\n"
        "@query\ndef import_() -> Manual[null]: ...\n",
        other="class Thing(Record):\n    a: int\nclass Shape(Variant, total=False):\n"
        "    Round: null\n    Square: nat8\n",
    )
    assert canister.did == (
        "type Door = service {\n"
        "  close : () -> (Shape);\n"
        "  open : (text) -> () query;\n"
        "};\n"
        "type Shape = variant {\n"
        "  Round;\n"
        "  Square : nat8;\n"
        "};\n"
        "type Thing = record {\n"
        "  at : nat64;\n"
        "  from : vec Thing;\n"
        "  zebra : opt nat;\n"
        "};\n"
        "type Thing_2 = record {\n"
        "  a : int;\n"
        "};\n"
        "service : {\n"
        "  first : (func (Thing) -> (nat64) query, blob, blob) -> ();\n"
        "  import_ : () -> (null) query;\n"
        "  second : (Thing, Thing_2) -> (record { Shape; Door }) query;\n"
        "}\n"
    )


def test_names_in_quotes_mean_what_they_mean_where_they_were_written(tmp_path: Path) -> None:
    canister = load(
        tmp_path,
        "from other import Late, Pair, Wrapper\nclass Inner(Record):\n    mine: nat\n"
        "@query\ndef f(a: Late, b: Pair) -> Opt['Inner']: return a and {'mine': 1}\n"
        "@query\ndef g(a: Wrapper) -> nat: return a['inner']['theirs']\n",
        other="Late = Opt['Inner']\nPair = Alias['Inner']\n"
        "class Wrapper(Record):\n    inner: 'Inner'\nclass Inner(Record):\n    theirs: nat\n",
    )
    assert canister.query("f", {"theirs": 1}, {"theirs": 2}) == {"mine": 1}
    assert canister.query("g", {"inner": {"theirs": 7}}) == 7


def test_annotations_may_be_deferred(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(
        "from __future__ import annotations\nfrom kybra import *\n"
        "@query\ndef f(a: Later) -> Opt[Later]: return a\n"
        "class Later(Record):\n    a: Vec[Later]\n"
    )
    canister = NativeNetwork().install(tmp_path / "main.py")
    assert canister.query("f", {"a": []}) == {"a": []}


def test_a_package_is_imported_by_its_dotted_name(tmp_path: Path) -> None:
    (tmp_path / "thing").mkdir()
    (tmp_path / "shared").mkdir()
    for folder in ("thing", "shared"):
        (tmp_path / folder / "__init__.py").write_text("")
    (tmp_path / "shared" / "types.py").write_text(HEAD + "class A(Record):\n    a: nat\n")
    (tmp_path / "thing" / "main.py").write_text(
        HEAD + "from shared.types import A\nfrom thing.rules import double\n"
        "@query\ndef f(a: A) -> nat: return double(a['a'])\n"
    )
    (tmp_path / "thing" / "rules.py").write_text("def double(n: int) -> int: return 2 * n\n")
    canister = NativeNetwork().install(tmp_path / "thing" / "main.py")
    assert canister.query("f", {"a": 4}) == 8


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("@query\ndef f(a) -> nat: ...", "main.f: the parameter 'a' has no type annotation"),
        ("@query\ndef f(): ...", "main.f: the return type is missing"),
        ("@query\ndef f() -> None: ...", "main.f: return type: None is not a type here; use void"),
        ("@query\ndef f(a: void) -> nat: ...", "parameter 'a': void can only be the result"),
        ("@query\ndef f(a: 'Nowhere') -> nat: ...", "parameter 'a': 'Nowhere': name 'Nowhere'"),
        ("@query\ndef f(a: dict[str, int]) -> nat: ...", "dict is not a Candid type"),
        ("@query\ndef f(a: nat | None) -> nat: ...", "unions are not Candid types; use Opt"),
        ("@query\ndef f(a: Vec) -> nat: ...", "list needs the types of its elements"),
        ("@query\ndef f(a: Tuple[nat, ...]) -> nat: ...", "a Tuple has a fixed number"),
        ("@query\ndef f(a: Async[nat]) -> nat: ...", r"Async\[…\] can only be the return type"),
        ("@query\ndef f(*a: nat) -> nat: ...", "main.f: .*no Candid type"),
        ("@update\ndef f() -> nat:\n    yield", r"main.f: a method that yields returns Async"),
        ("class R(Record):\n    a: set\n@query\ndef f(a: R) -> nat: ...", "field 'a' of R: set is"),
        ("class V(Variant):\n    pass\n@query\ndef f(a: V) -> nat: ...", "V has no cases"),
        ("A = Alias['A']\n@query\ndef f(a: A) -> nat: ...", "is an alias of itself"),
        ("A = Opt['A']\n@query\ndef f(a: A) -> nat: ...", "contains itself"),
        ("@init\ndef f() -> nat: ...", "@init returns void"),
        ("@heartbeat\ndef f(a: nat) -> void: ...", "@heartbeat takes no parameters"),
        ("@init\ndef a() -> void: ...\n@init\ndef b() -> void: ...", "@init is used twice"),
        ("@query\ndef a() -> nat: ...\n@update\ndef a() -> nat: ...", "two canister methods"),
        ("m = StableBTreeMap[str, nat](memory_id=254, max_key_size=1, max_value_size=1)",
         "memory_id is 0 to 253, not 254"),
        ("m = StableBTreeMap[str, nat](memory_id=1, max_key_size=0, max_value_size=1)",
         "max_key_size is 1 to"),
        ("m = StableBTreeMap[str, nat](memory_id=1, max_key_size=9, max_value_size=9)\n"
         "n = StableBTreeMap[str, nat](memory_id=1, max_key_size=9, max_value_size=9)",
         "two StableBTreeMaps have memory_id=1"),
        ("m = StableBTreeMap[str, 'Gone'](memory_id=1, max_key_size=9, max_value_size=9)",
         "StableBTreeMap with memory_id=1 in main: 'Gone'"),
        ("m = StableBTreeMap(memory_id=1, max_key_size=9, max_value_size=9)", "needs its types"),
        ("class S(Service):\n    @service_query\n    def f(self, a) -> nat: ...",
         "main.S.f: the parameter 'a' has no type"),
        ("F = Func(nat)", r"Func\(…\) takes Query"),
        ("F = Func(Query[nat])", "takes a list of types and a result type"),
        ("from kybra.canisters.ledger import Tokens", "is not supported yet"),
        ("from kybra.canisters.management import EcdsaCurve", "is not supported yet"),
        ("class R(Record):\n    calncuao: nat\n    gosnpcyc: nat\n@query\ndef f() -> R: ...",
         "same Candid"),
    ],
)  # fmt: skip
def test_wrong_sources_are_refused_with_one_sentence(
    tmp_path: Path, source: str, message: str
) -> None:
    refuse(tmp_path, source, message)


def test_the_system_cannot_be_asked_while_modules_load(tmp_path: Path) -> None:
    for call in ("ic.time()", "ic.caller()", "ic.set_timer(1, print)", "ic.stable_size()"):
        with pytest.raises(RuntimeError, match="while the canister's modules load"):
            load(tmp_path, call)
    with pytest.raises(RuntimeError, match="while the canister's modules load"):
        load(tmp_path, "m = StableBTreeMap[str, nat](memory_id=1, max_key_size=9, "
                       "max_value_size=9)\nm.len()")  # fmt: skip
