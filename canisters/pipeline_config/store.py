"""The stable maps of `pipeline_config`. Sizes are bytes of Candid; see `shared.rules.limits`.

| map | key |
|---|---|
| grants | principal text |
| wiring | 0 |
| instruction_totals | method |
| outgoing: open messages | `<kind>:<repository>` |
| heads | repository |
| pipeline_order: repositories that have a pipeline, dense | 0, 1, 2 … |
| versions: outlive their pipeline, whose runs refer to them | `<repository>/<version>` |
| starts | run |
| template heads | template |
| template versions: outlive their template | `<template>/<version>` |
| template_order: templates of a list, dense | `<list>#<number>` |
| counters: length of `pipeline_order`, number of versions | name of the list |
| secrets | `<repository>/<name>`, `/<name>` for one of all repositories |
| secret_copies | `<key of the secret>#<recipient>` |
| secret_uses: outlive their secret, dense | `<key of the secret>#0`, `#1` … |
| secret_takings: the number of the use | `<key of the secret>#<version>#<job>#<attempt>` |
| secret_counts: number of uses, highest version removed | `uses:<key of the secret>`, `removed` |
| credentials | repository |
"""

from kybra import StableBTreeMap, nat8, nat64, text

from canisters.pipeline_config.records import (
    COPY,
    CREDENTIAL,
    HEAD,
    PIPELINE,
    SECRET,
    START,
    TEMPLATE,
    TEMPLATE_HEAD,
    USE,
    CopyRecord,
    CredentialRecord,
    HeadRecord,
    PipelineRecord,
    SecretRecord,
    StartRecord,
    TemplateHeadRecord,
    TemplateRecord,
    UseRecord,
)
from shared.base.migration import Versioned
from shared.base.records import Outgoing, Wiring

grants = StableBTreeMap[text, text](memory_id=0, max_key_size=80, max_value_size=200)
wiring = StableBTreeMap[nat8, Wiring](memory_id=1, max_key_size=20, max_value_size=400)
instruction_totals = StableBTreeMap[text, nat64](memory_id=2, max_key_size=100, max_value_size=20)
outgoing = StableBTreeMap[text, Outgoing](memory_id=3, max_key_size=120, max_value_size=1_200)
head_map = StableBTreeMap[text, HeadRecord](memory_id=4, max_key_size=100, max_value_size=150)
pipeline_order = StableBTreeMap[nat64, text](memory_id=5, max_key_size=20, max_value_size=100)
version_map = StableBTreeMap[text, PipelineRecord](
    memory_id=6, max_key_size=120, max_value_size=70_000
)
start_map = StableBTreeMap[text, StartRecord](memory_id=7, max_key_size=50, max_value_size=250)
counters = StableBTreeMap[text, nat64](memory_id=8, max_key_size=120, max_value_size=20)
secret_map = StableBTreeMap[text, SecretRecord](memory_id=9, max_key_size=150, max_value_size=8_000)
secret_copy_map = StableBTreeMap[text, CopyRecord](
    memory_id=10, max_key_size=220, max_value_size=17_600
)
secret_use_map = StableBTreeMap[text, UseRecord](memory_id=11, max_key_size=170, max_value_size=900)
secret_takings = StableBTreeMap[text, nat64](memory_id=12, max_key_size=340, max_value_size=20)
secret_counts = StableBTreeMap[text, nat64](memory_id=13, max_key_size=150, max_value_size=20)
credential_map = StableBTreeMap[text, CredentialRecord](
    memory_id=14, max_key_size=100, max_value_size=10_000
)
template_head_map = StableBTreeMap[text, TemplateHeadRecord](
    memory_id=15, max_key_size=100, max_value_size=200
)
template_version_map = StableBTreeMap[text, TemplateRecord](
    memory_id=16, max_key_size=120, max_value_size=50_000
)
template_order = StableBTreeMap[text, text](memory_id=17, max_key_size=120, max_value_size=100)

heads = Versioned(head_map, HEAD)
versions = Versioned(version_map, PIPELINE)
starts = Versioned(start_map, START)
secrets = Versioned(secret_map, SECRET)
secret_copies = Versioned(secret_copy_map, COPY)
secret_uses = Versioned(secret_use_map, USE)
credentials = Versioned(credential_map, CREDENTIAL)
template_heads = Versioned(template_head_map, TEMPLATE_HEAD)
template_versions = Versioned(template_version_map, TEMPLATE)
