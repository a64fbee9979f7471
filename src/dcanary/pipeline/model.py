"""What a `dcanary.yml` says, as typed values. Unknown keys and wrong types are refused."""

import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainSerializer,
    PlainValidator,
    Tag,
    WithJsonSchema,
    WrapValidator,
    model_validator,
)
from pydantic_core import core_schema

from dcanary.pipeline import limits, names, quantities, retries
from dcanary.pipeline.arguments import EMPTY
from dcanary.pipeline.images import LockedImage
from dcanary.pipeline.references import Argument
from dcanary.pipeline.strict_model import StrictModel
from dcanary.pipeline.triggers import Triggers


@dataclass(frozen=True)
class _Quantity:
    """Annotation of a number that is written as text with a unit, within bounds."""

    least: int
    most: int
    example: str

    def parse(self, text: str) -> int:
        raise NotImplementedError

    def show(self, number: int) -> str:
        raise NotImplementedError

    def read(self, value: object) -> int:
        if isinstance(value, int) and not isinstance(value, bool):
            raise ValueError(f"needs a unit: write it such as {self.example}")
        if not isinstance(value, str):
            raise ValueError(f"must be text such as {self.example}")
        number = self.parse(value)
        if number < self.least:
            raise ValueError(f"must be at least {self.show(self.least)}")
        if number > self.most:
            raise ValueError(f"must be at most {self.show(self.most)}")
        return number

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(
            self.read,
            serialization=core_schema.plain_serializer_function_ser_schema(self.show),
        )

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        bounds = f"{self.show(self.least)} to {self.show(self.most)}"
        return {"type": "string", "examples": [self.example], "description": bounds}


class _Size(_Quantity):
    def parse(self, text: str) -> int:
        return quantities.parse_size(text)

    def show(self, number: int) -> str:
        return quantities.format_size(number)


class _Duration(_Quantity):
    def parse(self, text: str) -> int:
        return quantities.parse_duration(text)

    def show(self, number: int) -> str:
        return quantities.format_duration(number)


_UNCOUNTED = "instructions of native tools cannot be counted: give a timeout"


def _instructions(value: object) -> object:
    if value is not None:
        raise ValueError(_UNCOUNTED)
    return value


def _command(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be empty")
    if "\0" in text:
        raise ValueError("must not hold a zero character")
    return text


def _argument(value: object) -> object:
    """A Candid argument: `"()"` or `{hex: "4449444c0000"}`.

    Other texts have become arguments before: see `arguments`.
    """
    if isinstance(value, Argument):
        return value
    if isinstance(value, dict):
        text = value.get("hex")
        if isinstance(text, int):
            raise ValueError("hex must be text: put it in quotes")
        if set(value) != {"hex"} or not isinstance(text, str):
            raise ValueError('must be "()" or {hex: "4449444c0000"}')
        if len(text) > 2 * limits.MAX_ARGUMENT_BYTES:
            raise ValueError(f"must hold at most {limits.MAX_ARGUMENT_BYTES} bytes")
        if not re.fullmatch(r"(?:[0-9a-fA-F]{2})+", text):
            raise ValueError("hex must be pairs of hexadecimal digits")
        raw = bytes.fromhex(text)
        if not raw.startswith(b"DIDL"):
            raise ValueError("hex must be Candid bytes: they start with 4449444c")
        return Argument(raw)
    if isinstance(value, str):
        if re.fullmatch(r"\s*\(\s*\)\s*", value):
            return EMPTY
        raise ValueError("must be textual Candid")
    raise ValueError('must be "()" or {hex: "4449444c0000"}')


def _word(text: str) -> str:
    if not (text.isascii() and text.isprintable()):
        raise ValueError("must hold visible ASCII characters only")
    return text


def _host(text: str) -> str:
    if len(text) > limits.MAX_HOST_CHARS or not _HOST.fullmatch(text):
        raise ValueError("must be a host's name, such as registry.example.org, or name:port")
    return text


def _build_kind(value: object) -> object:
    if value != "build":
        raise ValueError("must be build or fetch")
    return value


def _fetch_keep(value: object) -> object:
    if value == "chain":
        raise ValueError("must be executors: of packages only the manifest goes on chain")
    return value


def _distinct(words: list[str]) -> list[str]:
    if len(set(words)) != len(words):
        raise ValueError("must name nothing twice")
    return words


_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?", re.ASCII)

Name = Annotated[str, AfterValidator(names.check_name)]
Path = Annotated[str, AfterValidator(names.check_artifact_path)]
Folder = Annotated[str, AfterValidator(names.check_folder)]
Artifact = Annotated[str, AfterValidator(names.check_artifact)]
Command = Annotated[str, AfterValidator(_command), Field(max_length=limits.MAX_COMMAND_CHARS)]
VariableName = Annotated[str, AfterValidator(names.check_variable)]
VariableValue = Annotated[str, Field(max_length=limits.MAX_TEXT_CHARS)]
Environment = Annotated[
    dict[VariableName, VariableValue], Field(max_length=limits.MAX_ENVIRONMENT_VARIABLES)
]
Approver = Annotated[str, AfterValidator(names.check_principal)]
Word = Annotated[str, AfterValidator(_word), Field(min_length=1, max_length=limits.MAX_NEED_CHARS)]
Labels = Annotated[list[Word], AfterValidator(_distinct), Field(max_length=limits.MAX_LABELS)]
Host = Annotated[str, AfterValidator(_host)]
BuildKind = Annotated[Literal["build"], BeforeValidator(_build_kind)]
FetchKeep = Annotated[Literal["executors"], BeforeValidator(_fetch_keep)]
SecretName = Annotated[str, AfterValidator(names.check_secret)]
Secrets = Annotated[list[SecretName], Field(max_length=limits.MAX_SECRETS_PER_STAGE)]
TemplateLabel = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}@[1-9][0-9]{0,8}$")]
ImageName = Annotated[
    str,
    Field(max_length=limits.MAX_NEED_CHARS),
    # What `images` has found is kept: it knows the lock file, too.
    WrapValidator(lambda value, read: value if isinstance(value, LockedImage) else read(value)),
]
Grace = Annotated[int, _Duration(limits.MIN_GRACE_SECONDS, limits.MAX_GRACE_SECONDS, "2m")]
Queue = Annotated[int, _Duration(limits.MIN_QUEUE_SECONDS, limits.MAX_QUEUE_SECONDS, "7d")]
RuntimeName = Literal["shell", "python", "motoko", "node", "rust", "azle"]
ArgumentValue = Annotated[
    Argument,
    PlainValidator(_argument),
    PlainSerializer(lambda argument: {"hex": argument.encoded.hex()}),
    WithJsonSchema(
        {
            "oneOf": [
                {"type": "string", "pattern": "^\\s*\\("},
                {
                    "type": "object",
                    "properties": {"hex": {"type": "string", "pattern": "^([0-9a-fA-F]{2})+$"}},
                    "required": ["hex"],
                    "additionalProperties": False,
                },
            ]
        }
    ),
]


_MATRIX_VALUES = {"type": "array", "items": {"type": ["string", "integer", "boolean"]}}
# In the file a mapping; `matrix` writes its stages out, each with the name of the one in the file.
Matrix = Annotated[
    str,
    WithJsonSchema(
        {
            "type": "object",
            "properties": {
                "include": {"type": "array", "items": {"type": "object"}},
                "exclude": {"type": "array", "items": {"type": "object"}},
            },
            "additionalProperties": _MATRIX_VALUES,
            "description": "lists of values; a stage is made for each combination",
        }
    ),
]


class Resources(StrictModel):
    """Limits of one job of a stage. Going over one fails the stage by the limit's name."""

    memory: Annotated[int, _Size(limits.MIN_MEMORY_BYTES, limits.MAX_MEMORY_BYTES, "2GiB")] = (
        2 * limits.GIB
    )
    storage: Annotated[int, _Size(limits.MIN_STORAGE_BYTES, limits.MAX_STORAGE_BYTES, "1GiB")] = (
        limits.GIB
    )
    output: Annotated[int, _Size(limits.MIN_OUTPUT_BYTES, limits.MAX_OUTPUT_BYTES, "1MiB")] = (
        limits.MIB
    )
    processes: int = Field(default=64, ge=limits.MIN_PROCESSES, le=limits.MAX_PROCESSES)
    timeout: Annotated[
        int, _Duration(limits.MIN_TIMEOUT_SECONDS, limits.MAX_TIMEOUT_SECONDS, "10m")
    ] = 600
    network: bool = False
    network_calls: int | None = Field(default=None, ge=0, le=limits.MAX_BOUND)
    instructions: Annotated[None, BeforeValidator(_instructions)] = None
    # Of a machine that runs a stage no cycles are spent: whatever bound is given is kept.
    cycles: int | None = Field(default=None, ge=0, le=limits.MAX_BOUND)

    @model_validator(mode="after")
    def _agree(self) -> "Resources":
        # Without a network there are no calls, so that every bound is kept.
        if self.network and self.network_calls == 0:
            raise ValueError("network_calls: 0 is no network, and network: true asks for it")
        if self.network and self.network_calls is not None:
            raise ValueError(
                "network_calls: calls of native tools cannot be counted where there is a network: "
                "leave it out, or network: true; packages come by a stage of kind: fetch"
            )
        return self


class Needs(StrictModel):
    """What a stage asks of an executor beside its runtime and resources."""

    cpus: int | None = Field(default=None, ge=1, le=limits.MAX_CPUS)
    region: Word | None = None
    labels: Labels = []


class Reports(StrictModel):
    """Files in which a stage says more than that it ended. `tests` is a JUnit XML file."""

    tests: Path
    flaky: Literal["tolerate", "fail"] = "tolerate"


class Cache(StrictModel):
    """When an executor may use its own earlier agreed result again: these files are the same.

    The stage sees no other file of the commit.
    """

    inputs: Annotated[list[Artifact], AfterValidator(_distinct)] = Field(
        min_length=1, max_length=limits.MAX_ARTIFACTS_PER_STAGE
    )


class _Retries:
    """Annotation of retries: a number, or a number for each cause."""

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(retries.retries_of)

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        number = {"type": "integer", "minimum": 0, "maximum": retries.MAX_RETRIES}
        times = {**number, "minimum": 1}
        causes = {
            "type": "object",
            "properties": dict.fromkeys(retries.CAUSES, times),
            "additionalProperties": False,
            "minProperties": 1,
        }
        return {"anyOf": [number, causes]}


Parallel = Annotated[int, Field(ge=1, le=limits.MAX_PARALLEL)] | None


class Stage(StrictModel):
    """A node of the graph: what runs, in which tool chain, and how many must agree."""

    kind: BuildKind = "build"
    runtime: RuntimeName
    image: ImageName | None = None
    commands: list[Command] = Field(min_length=1, max_length=limits.MAX_COMMANDS_PER_STAGE)
    depends_on: list[Name] = Field(default=[], max_length=limits.MAX_STAGES_PER_PIPELINE)
    environment: Environment = {}
    resources: Resources = Resources()
    artifacts: list[Artifact] = Field(default=[], max_length=limits.MAX_ARTIFACTS_PER_STAGE)
    replicas: int = Field(default=3, ge=1, le=limits.MAX_REPLICAS)
    quorum: int = Field(default=2, ge=1, le=limits.MAX_REPLICAS)
    retries: Annotated[int | dict[str, int], _Retries()] = 1
    parallel: Parallel = None
    needs: Needs | None = None
    secrets: Secrets = []
    grace: Grace | None = None
    reports: Reports | None = None
    cache: Cache | None = None
    keep: Literal["chain", "executors"] = "chain"
    matrix: Matrix | None = None


class FetchStage(StrictModel):
    """A node of the graph that brings what lock files pin. Executors download; no command runs."""

    kind: Literal["fetch"]
    locks: Annotated[list[Path], AfterValidator(_distinct)] = Field(
        min_length=1, max_length=limits.MAX_LOCKS
    )
    hosts: Annotated[list[Host], AfterValidator(_distinct)] = Field(
        default=[], max_length=limits.MAX_HOSTS
    )
    keep: FetchKeep = "executors"
    replicas: int = Field(default=3, ge=1, le=limits.MAX_REPLICAS)
    quorum: int = Field(default=2, ge=1, le=limits.MAX_REPLICAS)
    needs: Needs | None = None
    grace: Grace | None = None
    parallel: Parallel = None
    matrix: Matrix | None = None


KINDS: dict[str, type[Stage] | type[FetchStage]] = {"build": Stage, "fetch": FetchStage}
"""The model of each kind of stage. No stage has a key of these names."""


def _kind(value: object) -> str:
    kind = value.get("kind") if isinstance(value, dict) else getattr(value, "kind", None)
    return "fetch" if kind == "fetch" else "build"


AnyStage = Annotated[
    Annotated[Stage, Tag("build")] | Annotated[FetchStage, Tag("fetch")], Discriminator(_kind)
]


class Gate(StrictModel):
    """A check that must pass before approval is asked for."""

    max_artifact_size: Annotated[int, _Size(1, limits.MAX_MODULE_FILE_BYTES, "2MiB")]


class Approval(StrictModel):
    """Who may approve, how many must, and how long the question stands (seconds)."""

    approvers: list[Approver] = Field(default=[], max_length=limits.MAX_APPROVERS)
    threshold: int = Field(default=1, ge=1, le=limits.MAX_APPROVERS)
    expires: Annotated[
        int, _Duration(limits.MIN_EXPIRY_SECONDS, limits.MAX_APPROVAL_TTL_SECONDS, "24h")
    ] = limits.DEFAULT_APPROVAL_TTL_SECONDS


class Deploy(StrictModel):
    """Which artifact goes to which target, and how."""

    target: Name
    stage: Name
    artifact: Path
    assets: Folder | None = None
    depends_on: list[Name] = Field(default=[], max_length=limits.MAX_TARGETS_PER_PIPELINE)
    mode: Literal["auto", "install", "upgrade", "reinstall"] = "auto"
    memory: Literal["default", "keep", "replace"] = "default"
    candid: Path | None = None
    install_arg: ArgumentValue = EMPTY
    upgrade_arg: ArgumentValue = EMPTY


class _OneOrMore:
    """Annotation of a list that may be written as its only entry."""

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_before_validator_function(_listed, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        several = handler(schema)
        return {"anyOf": [several["items"], several, {"type": "null"}]}


def _listed(value: object) -> object:
    if value is None:
        return []
    return [value] if isinstance(value, dict) else value


class PipelineFile(StrictModel):
    """The content of a `dcanary.yml`, version 1 of the format."""

    version: Literal[1]
    name: Name
    on: Triggers = Triggers()
    environment: Environment = {}
    stages: dict[Name, AnyStage] = Field(min_length=1, max_length=limits.MAX_STAGES_PER_PIPELINE)
    gates: list[Gate] = Field(default=[], max_length=limits.MAX_GATES)
    approval: Approval = Approval()
    deploy: Annotated[
        list[Deploy], Field(max_length=limits.MAX_TARGETS_PER_PIPELINE), _OneOrMore()
    ] = []
    queue: Queue = limits.MAX_QUEUE_SECONDS
    priority: int | None = Field(default=None, ge=0, le=limits.MAX_PRIORITY)
    template: TemplateLabel | None = None
