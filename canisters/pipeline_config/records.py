"""What `pipeline_config` keeps: the types of its stored records."""

from kybra import Record, nat16, nat32, nat64, text

from shared.base.migration import Versions
from shared.types.pipeline import Pipeline
from shared.types.secret import Credential, SealedCopy, Secret, SecretUse
from shared.types.template import Template


class HeadRecord(Record):
    """Where a repository's pipeline stands. `number` is its place in `pipeline_order`."""

    version: nat16
    number: nat64
    current: nat32
    deleted: bool


class PipelineRecord(Record):
    """One version of a pipeline; never changed."""

    version: nat16
    pipeline: Pipeline


class StartRecord(Record):
    """The pipeline version that a run executes, fixed when it is first asked for."""

    version: nat16
    repository: text
    pipeline_version: nat32
    acknowledged: bool


class SecretRecord(Record):
    """What is known of a secret, without its copies."""

    version: nat16
    secret: Secret


class CopyRecord(Record):
    """One copy of a secret's value, as only its recipient can read it."""

    version: nat16
    copy: SealedCopy


class UseRecord(Record):
    """One handing out of a secret; never changed."""

    version: nat16
    use: SecretUse


class CredentialRecord(Record):
    """Which secret a repository is cloned with."""

    version: nat16
    credential: Credential


class TemplateHeadRecord(Record):
    """Where a template stands, and its places in the lists of all and of its category."""

    version: nat16
    current: nat32
    deleted: bool
    category: text
    number: nat64
    category_number: nat64


class TemplateRecord(Record):
    """One version of a template; never changed."""

    version: nat16
    template: Template


HEAD: "Versions[HeadRecord]" = Versions("HeadRecord", current=1)
PIPELINE: "Versions[PipelineRecord]" = Versions("PipelineRecord", current=1)
START: "Versions[StartRecord]" = Versions("StartRecord", current=1)
SECRET: "Versions[SecretRecord]" = Versions("SecretRecord", current=1)
COPY: "Versions[CopyRecord]" = Versions("CopyRecord", current=1)
USE: "Versions[UseRecord]" = Versions("UseRecord", current=1)
CREDENTIAL: "Versions[CredentialRecord]" = Versions("CredentialRecord", current=1)
TEMPLATE_HEAD: "Versions[TemplateHeadRecord]" = Versions("TemplateHeadRecord", current=1)
TEMPLATE: "Versions[TemplateRecord]" = Versions("TemplateRecord", current=1)
