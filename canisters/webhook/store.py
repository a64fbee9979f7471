"""The stable maps of `webhook`. Sizes are bytes of Candid; see `shared.rules.limits`.

| map | key |
|---|---|
| grants | principal text |
| wiring | 0 |
| instruction_totals | method |
| outgoing: run requests that are not acknowledged | `start_run:<repository>/<delivery>` |
| repositories, secrets, triggers | repository |
| repository_order: registered repositories, dense | 0, 1, 2 … |
| deliveries | `<repository>/<delivery>`; neither part holds a `/` |
| schedules | `<repository>/<number>` |
| delivery_order: delivery ids of a repository, dense | `<repository>/<number>` |
| counters | what is counted |
| bodies: the delivery that a body was recorded as | `<repository>/<sha256 of the raw body>` |
| reports: what changed of which run | 0, 1, 2 …; the oldest are gone |
| told: what was reported of a run | run |
| report_lease: who posts reports | 0 |
| told_commits: the run that a commit shows the reports of | `<repository>/<commit>` |
"""

from kybra import StableBTreeMap, nat8, nat64, text

from canisters.webhook.records import (
    DELIVERY,
    REPORT,
    REPORT_LEASE,
    REPOSITORY,
    SCHEDULE,
    SECRETS,
    TOLD,
    TRIGGERS,
    DeliveryRecord,
    ReportLeaseRecord,
    ReportRecord,
    RepositoryRecord,
    ScheduleRecord,
    SecretsRecord,
    ToldRecord,
    TriggersRecord,
)
from shared.base.migration import Versioned
from shared.base.records import Outgoing, Wiring

grants = StableBTreeMap[text, text](memory_id=0, max_key_size=80, max_value_size=200)
wiring = StableBTreeMap[nat8, Wiring](memory_id=1, max_key_size=20, max_value_size=400)
instruction_totals = StableBTreeMap[text, nat64](memory_id=2, max_key_size=100, max_value_size=20)
outgoing = StableBTreeMap[text, Outgoing](memory_id=3, max_key_size=300, max_value_size=1_200)
repository_map = StableBTreeMap[text, RepositoryRecord](
    memory_id=4, max_key_size=100, max_value_size=1_400
)
repository_order = StableBTreeMap[nat64, text](memory_id=5, max_key_size=20, max_value_size=100)
secrets_map = StableBTreeMap[text, SecretsRecord](memory_id=6, max_key_size=100, max_value_size=700)
triggers_map = StableBTreeMap[text, TriggersRecord](
    memory_id=7, max_key_size=100, max_value_size=70_000
)
delivery_map = StableBTreeMap[text, DeliveryRecord](
    memory_id=8, max_key_size=300, max_value_size=10_000
)
delivery_order = StableBTreeMap[text, text](memory_id=9, max_key_size=120, max_value_size=150)
counters = StableBTreeMap[text, nat64](memory_id=10, max_key_size=120, max_value_size=20)
bodies = StableBTreeMap[text, text](memory_id=11, max_key_size=150, max_value_size=150)
report_map = StableBTreeMap[nat64, ReportRecord](
    memory_id=12, max_key_size=20, max_value_size=6_000
)
told_map = StableBTreeMap[text, ToldRecord](memory_id=13, max_key_size=100, max_value_size=20_000)
report_lease_map = StableBTreeMap[nat8, ReportLeaseRecord](
    memory_id=14, max_key_size=20, max_value_size=500
)
told_commits = StableBTreeMap[text, text](memory_id=15, max_key_size=150, max_value_size=100)
schedule_map = StableBTreeMap[text, ScheduleRecord](
    memory_id=16, max_key_size=120, max_value_size=6_000
)

repositories = Versioned(repository_map, REPOSITORY)
secrets = Versioned(secrets_map, SECRETS)
triggers = Versioned(triggers_map, TRIGGERS)
deliveries = Versioned(delivery_map, DELIVERY)
reports = Versioned(report_map, REPORT)
told = Versioned(told_map, TOLD)
report_lease = Versioned(report_lease_map, REPORT_LEASE)
schedules = Versioned(schedule_map, SCHEDULE)
