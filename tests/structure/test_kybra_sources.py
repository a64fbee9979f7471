"""The canisters obey the restrictions of Kybra 0.7.1, whose tool chain must be able to build them.

Kybra reads the sources as text: it knows its words by their bare names (never an alias), takes
every class of every module into one name space, and reads maps from literal arguments of a call at
module scope. The interpreter it puts into canisters speaks Python 3.10 and cannot unpack a dict
into another (RustPython issue 4932). Source: "Caveats" and "Stable structures" of the Kybra book,
and `kybra/compiler/kybra_generate` of the wheel.
"""

from __future__ import annotations

import ast
import importlib.metadata
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from dcanary.client.system import CANISTERS

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "canisters"
SHARED = ROOT / "shared"
ROOMS = {"__init__.py", "main.py", "store.py"}
METHOD_WORDS = {"query", "update"}
SYSTEM_WORDS = {"init", "post_upgrade", "pre_upgrade", "heartbeat", "inspect_message"}
MAX_MEMORY_ID = 254
"""255 marks unused memory (`ic-stable-structures`)."""
MAX_SIZE = 2**32 - 1

# Everything that reads a whole stable map, and the limit in `shared/rules/limits.py` that bounds
# it: such a call costs more with each record. (file, function, map) -> limits.
METHODS = "one entry per method"
PASSED_ON = "a map of maps: those who call it are looked at themselves"
OUTBOXES = ("MAX_OPEN_DELIVERIES", "MAX_OPEN_SYNCS", "MAX_OPEN_RUNS", "MAX_OPEN_ROUNDS")
SCANS: dict[tuple[str, str, str], tuple[str, ...]] = {
    ("shared/base/metering.py", "listed", "totals"): (METHODS,),
    ("shared/base/migration.py", "items", "self.stored"): (PASSED_ON,),
    ("shared/base/migration.py", "keys", "self.stored"): (PASSED_ON,),
    ("shared/base/migration.py", "values", "self.stored"): (PASSED_ON,),
    ("shared/base/metering.py", "summed", "totals"): (METHODS,),
    ("shared/base/access.py", "list_grants", "grants"): ("MAX_GRANTS",),
    ("shared/base/outbox.py", "wake", "self._entries"): OUTBOXES,
    ("shared/base/outbox.py", "_tick", "self._entries"): OUTBOXES,
    ("canisters/pipeline_config/secrets/tables.py", "all_secrets", "secrets"): ("MAX_SECRETS",),
    ("canisters/build_executor/book.py", "_load", "self.open_runs"): ("MAX_OPEN_RUNS",),
    ("canisters/webhook/schedules/service.py", "heap", "schedules"): ("MAX_SCHEDULES",),
    ("canisters/webhook/outbox.py", "open_of", "outgoing"): ("MAX_OPEN_DELIVERIES",),
    ("canisters/deployment/targets/service.py", "open_releases_of", "store.open_releases"): (
        "MAX_OPEN_RELEASES",
    ),
    ("canisters/deployment/steps/driving.py", "schedule", "store.open_releases"): (
        "MAX_OPEN_RELEASES",
    ),
    ("canisters/deployment/steps/driving.py", "rearm", "store.outgoing"): ("MAX_ACTIVE_RELEASES",),
    ("canisters/verification/approvals/counting.py", "void_older", "open_approvals"): (
        "MAX_OPEN_APPROVALS",
    ),
    ("canisters/verification/approvals/expiry.py", "rearm", "open_approvals"): (
        "MAX_OPEN_APPROVALS",
    ),
    ("canisters/verification/approvals/expiry.py", "_wake", "open_approvals"): (
        "MAX_OPEN_APPROVALS",
    ),
    ("canisters/verification/rounds/service.py", "rearm", "open_rounds"): ("MAX_OPEN_ROUNDS",),
    ("canisters/verification/rounds/service.py", "rearm", "outgoing"): ("MAX_OPEN_ROUNDS",),
    ("canisters/verification/approvals/service.py", "sync_policy", "open_approvals"): (
        "MAX_OPEN_APPROVALS",
    ),
    ("canisters/verification/approvals/earlier.py", "is_telling", "outgoing"): (
        "MAX_OPEN_MESSAGES",
    ),
}
# The same words on what is a dict, though its type does not stand beside it.
LANES = "a lane for each operator and offer: MAX_EXECUTORS"
OPERATORS = "an agenda for each operator: MAX_EXECUTORS"
GROUP = "the stages of one pipeline: MAX_STAGES_PER_PIPELINE"
DICTS: dict[tuple[str, str, str], str] = {
    ("canisters/build_executor/jobs/queue.py", "_set_rank", "self._lanes"): LANES,
    ("canisters/build_executor/jobs/queue.py", "described", "self._lanes"): LANES,
    ("canisters/build_executor/jobs/queue.py", "drop", "self._lanes"): LANES,
    ("canisters/build_executor/jobs/queue.py", "promote", "self._lanes"): LANES,
    ("canisters/build_executor/jobs/queue.py", "_place_all", "self._lanes"): LANES,
    ("canisters/build_executor/jobs/groups.py", "_changed", "after"): GROUP,
    ("canisters/build_executor/jobs/groups.py", "_with_room", "members"): GROUP,
    ("canisters/build_executor/jobs/groups.py", "at_work", "self._at_work[name]"): GROUP,
    ("canisters/build_executor/jobs/queue.py", "set_lane", "self._stages"): (
        "for the first executor of an operator with an offer: MAX_OPEN_RUNS"
    ),
    ("shared/base/outbox.py", "error_sentence", "error"): "a variant: one case",
    ("canisters/build_executor/resolutions/open.py", "_agenda_of", "self._open"): (
        "for the first executor of an operator that asks: MAX_OPEN_RUNS"
    ),
    ("canisters/build_executor/resolutions/open.py", "_close", "self._agendas"): OPERATORS,
    ("canisters/build_executor/resolutions/open.py", "save", "self._agendas"): OPERATORS,
    ("canisters/build_executor/resolutions/open.py", "forget_failures", "self._agendas"): OPERATORS,
    ("canisters/build_executor/resolutions/agenda.py", "forget_failures", "self._holds"): (
        "repositories that could not be read, when a secret is set: as forget_unable, all stages"
    ),
    ("canisters/build_executor/book.py", "all_executors", "self._known"): "MAX_EXECUTORS",
    ("canisters/build_executor/book.py", "last_beat_ns", "self._leases.get(executor, {})"): (
        "MAX_LEASES_PER_EXECUTOR"
    ),
    ("canisters/build_executor/book.py", "slots_taken", "self._leases.get(executor, {})"): (
        "MAX_LEASES_PER_EXECUTOR"
    ),
    ("canisters/build_executor/runs/releasing.py", "record_release", "notice['state']"): (
        "a variant: one case"
    ),
    ("shared/base/results.py", "refused_of", "error"): "a variant: one case",
    ("canisters/webhook/reports/rules.py", "case_of", "variant"): "a variant: one case",
}


def files() -> list[Path]:
    return sorted([*SOURCES.rglob("*.py"), *SHARED.rglob("*.py")])


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 10))


def limits() -> set[str]:
    tree = tree_of(SHARED / "rules" / "limits.py")
    return {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


@cache
def words_of_kybra() -> frozenset[str]:
    """What the published wheel defines; it is read, for importing it is not meant to work here."""
    wheel = importlib.metadata.distribution("kybra")
    assert wheel.version == "0.7.1"
    source = Path(str(wheel.locate_file("kybra/__init__.py"))).read_text(encoding="utf-8")
    names: set[str] = set()
    for node in ast.parse(source).body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names.update(alias.asname or alias.name for alias in node.names)
        elif isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names.update(target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    return frozenset(names)


def modules_of(canister: str) -> list[Path]:
    """The files that main.py imports, directly or not: what Kybra reads for this canister."""
    found: dict[Path, None] = {}
    waiting = [SOURCES / canister / "main.py"]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found[path] = None
        for node in ast.walk(tree_of(path)):
            names: list[str] = []
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            for name in names:
                candidate = ROOT / f"{name.replace('.', '/')}.py"
                if candidate.is_file():
                    waiting.append(candidate)
    return sorted(found)


def stable_maps(tree: ast.AST) -> Iterator[ast.Call]:
    """Calls that make a map."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and "StableBTreeMap" in ast.unparse(node.func):
            yield node


each_file = pytest.mark.parametrize("path", files(), ids=name_of)
each_canister = pytest.mark.parametrize("canister", CANISTERS)


@each_file
def test_a_source_is_python_3_10(path: Path) -> None:
    """`except*`, type parameters and the like are syntax errors there."""
    tree = tree_of(path)
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript):
            # The parser of 3.11 takes `x[*y]` also when it is told to be that of 3.10.
            parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            assert not any(isinstance(part, ast.Starred) for part in parts), ast.unparse(node)
        if isinstance(node, ast.ImportFrom) and node.module == "typing":
            newer = {"Self", "Never", "LiteralString", "NotRequired", "Required", "override"}
            assert not newer & {alias.name for alias in node.names}, ast.unparse(node)


@each_file
def test_words_of_kybra_are_imported_by_their_own_names(path: Path) -> None:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            assert not any(a.name.split(".")[0] == "kybra" for a in node.names), "import kybra"
        elif isinstance(node, ast.ImportFrom) and node.module:
            if node.module.split(".")[0] != "kybra":
                continue
            assert not any(alias.asname for alias in node.names), ast.unparse(node)
            if node.module == "kybra":
                assert {alias.name for alias in node.names} <= words_of_kybra()


@each_file
def test_no_dict_is_unpacked_into_another(path: Path) -> None:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Dict):
            assert None not in node.keys, ast.unparse(node)


@each_file
def test_nothing_is_printed_past_the_system_interface(path: Path) -> None:
    """A canister's `print` goes nowhere: `ic.print` is what its controllers can read."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id != "print", f"line {node.lineno}"


@each_file
def test_a_generator_is_not_written_as_a_coroutine(path: Path) -> None:
    for node in ast.walk(tree_of(path)):
        assert not isinstance(node, (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith))


@each_canister
def test_a_canister_has_its_rooms(canister: str) -> None:
    names = {path.name for path in (SOURCES / canister).glob("*.py")}
    assert names >= ROOMS
    assert len(names) > len(ROOMS), "the rules have a file of their own"
    assert (SOURCES / canister / "__init__.py").read_text() == ""


def test_every_folder_is_a_canister() -> None:
    folders = {path.name for path in SOURCES.iterdir() if path.is_dir()} - {"__pycache__"}
    assert folders == set(CANISTERS)


@each_canister
def test_the_maps_of_a_canister_are_in_its_store_with_literal_sizes(canister: str) -> None:
    numbers: dict[int, str] = {}
    for path in modules_of(canister):
        tree = tree_of(path)
        calls = list(stable_maps(tree))
        assert not calls or path == SOURCES / canister / "store.py", name_of(path)
        at_module_scope = [
            node for node in tree.body if isinstance(node, (ast.Assign, ast.AnnAssign))
        ]
        assert [node.value for node in at_module_scope if node.value in calls] == calls
        for call in calls:
            assert isinstance(call.func, ast.Subscript)
            assert ast.unparse(call.func.value) == "StableBTreeMap"
            assert isinstance(call.func.slice, ast.Tuple)
            assert not call.args, "say which number is which"
            given = {word.arg: word.value for word in call.keywords}
            assert set(given) == {"memory_id", "max_key_size", "max_value_size"}
            values = {}
            for word, value in given.items():
                assert isinstance(value, ast.Constant), f"{word} = {ast.unparse(value)}"
                assert type(value.value) is int
                values[word] = value.value
            assert 0 <= values["memory_id"] <= MAX_MEMORY_ID
            assert 0 < values["max_key_size"] <= MAX_SIZE
            assert 0 < values["max_value_size"] <= MAX_SIZE
            other = numbers.setdefault(values["memory_id"], ast.unparse(call))
            assert other == ast.unparse(call), f"memory {values['memory_id']} has two maps"
    assert numbers, "a canister without a map forgets everything"
    assert sorted(numbers) == list(range(len(numbers))), "memory ids without a gap"


def decorated(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """(decorator, name) of each canister method of a module."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            for decorator in node.decorator_list:
                word = decorator.func if isinstance(decorator, ast.Call) else decorator
                if ast.unparse(word) in METHOD_WORDS | SYSTEM_WORDS:
                    yield ast.unparse(word), node.name


@each_canister
def test_the_methods_of_a_canister_are_names_of_its_main_module(canister: str) -> None:
    """Kybra finds decorated functions in every module, calls them after `from main import *`."""
    methods = [found for path in modules_of(canister) for found in decorated(tree_of(path))]
    once = [word for word, _ in methods if word in SYSTEM_WORDS]
    assert len(once) == len(set(once)), once
    names = [name for _, name in methods]
    assert len(names) == len(set(names)), "two methods have one name"
    main = tree_of(SOURCES / canister / "main.py")
    known = {node.name for node in main.body if isinstance(node, ast.FunctionDef)}
    for node in main.body:
        if isinstance(node, ast.ImportFrom):
            known.update(alias.asname or alias.name for alias in node.names)
        assert "__all__" not in ast.unparse(node), "it would hide names from `import *`"
    assert set(names) <= known, f"main.py must import {sorted(set(names) - known)}"
    assert not [name for name in names if name.startswith("_")], "`import *` leaves them out"


@each_canister
def test_no_two_types_of_a_canister_have_the_same_name(canister: str) -> None:
    """Kybra puts all of them into one name space; the interface would mix them up."""
    known: dict[str, str] = {}
    for path in modules_of(canister):
        for node in tree_of(path).body:
            if isinstance(node, ast.ClassDef) and {ast.unparse(base) for base in node.bases} & {
                "Record",
                "Variant",
                "Service",
            }:
                assert node.name not in known, f"{known.get(node.name)} and {name_of(path)}"
                known[node.name] = name_of(path)
    assert known


def scans(file: str, tree: ast.Module) -> set[tuple[str, str, str]]:
    """(file, function, receiver) of each .items, .keys and .values on what may be a stable map."""
    found: set[tuple[str, str, str]] = set()

    def visit(node: ast.AST, function: str, dicts: frozenset[str]) -> None:
        if isinstance(node, (ast.FunctionDef, ast.Lambda)):
            function = node.name if isinstance(node, ast.FunctionDef) else function
            dicts = dicts | local_dicts(node)
        if isinstance(node, ast.Attribute) and node.attr in ("items", "keys", "values"):
            receiver = ast.unparse(node.value)
            if receiver not in dicts and not isinstance(node.value, (ast.Dict, ast.DictComp)):
                found.add((file, function, receiver))
        for child in ast.iter_child_nodes(node):
            visit(child, function, dicts)

    visit(tree, "", frozenset())
    return found


def local_dicts(function: ast.FunctionDef | ast.Lambda) -> frozenset[str]:
    """Names that stand for a dict there: told by an annotation, or made as one."""
    names: set[str] = set()
    for argument in [*function.args.args, *function.args.kwonlyargs]:
        if argument.annotation is not None and is_dict_type(argument.annotation):
            names.add(argument.arg)
    for node in ast.walk(function):
        if isinstance(node, ast.AnnAssign) and is_dict_type(node.annotation):
            names.add(ast.unparse(node.target))
        elif isinstance(node, ast.Assign) and (
            isinstance(node.value, (ast.Dict, ast.DictComp))
            or (isinstance(node.value, ast.Call) and ast.unparse(node.value.func) == "dict")
        ):
            names.update(ast.unparse(target) for target in node.targets)
        elif isinstance(node, ast.If) and (
            match := re.fullmatch(r"isinstance\((\w+), dict\)", ast.unparse(node.test))
        ):
            names.add(match[1])
    return frozenset(names)


def is_dict_type(annotation: ast.expr) -> bool:
    return re.match(r"'?dict\[", ast.unparse(annotation)) is not None


def all_scans() -> set[tuple[str, str, str]]:
    return {scan for path in files() for scan in scans(name_of(path), tree_of(path))}


@pytest.mark.parametrize(
    "line",
    [
        "runs.items()",
        "len(runs.keys())",
        "list(store.runs.values())",
        "map(len, runs.values)",
        "[run for run in self.runs.items()]",
    ],
)
def test_a_new_reader_of_a_whole_map_would_be_found(line: str) -> None:
    source = f"def look(self, merged: 'dict[str, int]'):\n    merged.items()\n    return {line}\n"
    ((_, function, receiver),) = scans("new.py", ast.parse(source))
    assert function == "look"
    assert receiver.endswith("runs")


def test_whole_maps_are_read_only_where_a_limit_bounds_them() -> None:
    unlisted = all_scans() - set(SCANS) - set(DICTS)
    assert not unlisted, (
        f"{sorted(unlisted)}: what reads a whole stable map costs more with each record. Use an "
        "index and pages, or name the limit that bounds the map in SCANS of this test (in DICTS "
        "when it is no map)"
    )


def test_the_list_of_what_reads_whole_maps_is_not_out_of_date() -> None:
    assert not (set(SCANS) | set(DICTS)) - all_scans()


@pytest.mark.parametrize("scan", SCANS, ids=lambda scan: ".".join(scan))
def test_the_limit_of_a_map_that_is_read_whole_is_enforced(scan: tuple[str, str, str]) -> None:
    """It exists, and a canister that has the map compares something with it."""
    folder = scan[0].split("/")[1]
    for limit in SCANS[scan]:
        if limit in (METHODS, PASSED_ON):
            continue
        assert limit in limits()
        places = [
            path
            for path in files()
            if path.name != "limits.py"
            and (
                SHARED in (ROOT / scan[0]).parents
                or SOURCES / folder in path.parents
                or SHARED in path.parents
            )
            and re.search(rf"[<>]=? {limit}\b", path.read_text(encoding="utf-8"))
        ]
        assert places, f"nothing is compared with {limit}"


def is_sibling_call(node: ast.expr) -> bool:
    """A call of a method of a Service class other than that of the management canister."""
    names = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
    services = {name for name in names if name.endswith("Service")}
    return bool(services) and "ManagementService" not in services


def waits_with_a_bound(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "bounded"


@pytest.mark.parametrize(
    "path", sorted((SOURCES / "deployment").rglob("*.py")), ids=lambda path: path.name
)
def test_calls_about_targets_wait_for_a_bounded_time(path: Path) -> None:
    """A target that never answers must not keep `deployment` from being stopped and upgraded."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if not isinstance(node, ast.Yield) or node.value is None:
            continue
        sent = node.value
        # About no target yet, or answered by the network itself; a bound could lose the cycles.
        text = ast.unparse(sent)
        pays = ".create_canister(" in text or ".deposit_cycles(" in text
        assert waits_with_a_bound(sent) or is_sibling_call(sent) or pays, (
            f"{path.relative_to(ROOT)}:{node.lineno} waits for a target without a bound: "
            "use shared.base.calls.bounded"
        )
