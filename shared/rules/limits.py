"""Every limit that a user can run into, by name. Going over one is an error that names it.

Units are bytes, nanoseconds or counts, as the names say.
"""

VERSION = "0.2.0"

KIB = 1_024
MIB = 1_024 * 1_024
SECOND_NS = 1_000_000_000

MAX_NAME_CHARS = 64
MAX_TEXT_CHARS = 1_000
MAX_REF_CHARS = 200
MAX_PAGE_ITEMS = 100
DEFAULT_PAGE_ITEMS = 20
MAX_PAGE_BYTES = 1_000_000

MAX_GRANTS = 500
MAX_ARGUMENT_BYTES = 256 * KIB
MAX_STRANGER_ARGUMENT_BYTES = 4 * KIB
MAX_RETRY_WAIT_NS = 64 * SECOND_NS
MAX_SEND_NS = 60 * SECOND_NS

MAX_DELIVERY_BYTES = 1_500_000
MAX_INSPECTED_BYTES = 64 * KIB
# An inspection may take 200 million instructions; a byte takes 76 each time that it is hashed.
MAX_INSPECTED_HASH_BYTES = 2_200_000
MAX_DELIVERY_ID_CHARS = 100
# Branches and tags of one push, of forges that send them in one delivery.
MAX_CHANGES_PER_DELIVERY = 25
# What `paths` and `paths_ignore` may cost, see `webhook.triggers.paths`: a step takes up to 35
# thousand instructions. With more, all paths count as wanted. An inspection may take less.
MAX_FILTER_STEPS = 50_000
MAX_INSPECTED_FILTER_STEPS = 2_000
# Standard Webhooks: how far the time in a signature may be from the network's, and how many
# signatures a delivery may offer.
MAX_SIGNATURE_AGE_NS = 5 * 60 * SECOND_NS
MAX_SIGNATURES = 8
MAX_OPEN_DELIVERIES = 200
MAX_OPEN_DELIVERIES_PER_REPOSITORY = MAX_OPEN_DELIVERIES // 4
MAX_OPEN_SYNCS = 200
# Reports that are kept: the oldest go when more come, posted or not.
MAX_REPORTS = 20_000
# Commits that show what is reported of one run: its own, and the last of those that follow it.
MAX_COMMITS_PER_REPORT = 20
MAX_REPORT_TEXT_CHARS = 300
MAX_POSTED_REPORTS = 100
REPORT_LEASE_NS = 60 * SECOND_NS
MAX_JSON_DEPTH = 64
MAX_JSON_CONTAINERS = 50_000
MAX_SECRET_BYTES = 256
MIN_SECRET_BYTES = 16
MAX_SECRETS_PER_REPOSITORY = 2

# Secrets of pipelines, and who they are sealed to. The secrets above are those of webhooks.
MAX_SECRETS = 256
MAX_SECRETS_PER_STAGE = 16
MAX_SECRET_VALUE_BYTES = 16 * KIB
MAX_SECRET_COPIES = 64
# A value of MAX_SECRET_VALUE_BYTES, padded, with what HPKE adds.
MAX_SEALED_BYTES = MAX_SECRET_VALUE_BYTES + 616
MAX_CREDENTIALS = 256
MAX_HOST_KEYS = 8

MAX_PIPELINE_BYTES = 60_000
MAX_STAGES_PER_PIPELINE = 32
MAX_COMMANDS_PER_STAGE = 64
MAX_COMMAND_CHARS = 4_000
MAX_ENVIRONMENT_VARIABLES = 64
MAX_ARTIFACTS_PER_STAGE = 64
MAX_PATH_CHARS = 240
MAX_REPLICAS = 13
MAX_APPROVERS = 32
MAX_TRIGGERS = 16
MAX_SCHEDULES_PER_PIPELINE = 8
MAX_SCHEDULES = 4_000
MAX_CRON_CHARS = 100
MAX_ZONE_RULE_CHARS = 64
MAX_PATTERNS_PER_TRIGGER = 64
MAX_GATES = 16
MAX_TARGETS_PER_PIPELINE = 16
MAX_TARGET_REASON_CHARS = 500
MAX_LABELS = 16
MAX_LOCKS = 32
MAX_HOSTS = 32
MAX_NEED_CHARS = 200

MAX_TEMPLATES = 200
MAX_TEMPLATE_BYTES = 40_000
MAX_TEMPLATE_PARAMETERS = 32
MAX_TEMPLATE_VALUES = 64

MAX_OPEN_RUNS = 4_000
MAX_OPEN_RUNS_PER_REPOSITORY = MAX_OPEN_RUNS // 4
# The last quarter of the room is kept for repositories that have fewer open runs than this.
FEW_OPEN_RUNS = 10
# Jobs of the stages of one matrix that are at work at once: as many as there can be.
MAX_PARALLEL = MAX_STAGES_PER_PIPELINE * MAX_REPLICAS
MAX_PRIORITY = 9
DEFAULT_PRIORITY = 5
MAX_OPEN_ROUNDS = 500
MAX_JOB_ATTEMPTS = 5
MAX_LOG_BYTES_PER_CHUNK = 64 * KIB
# An attempt may write so much, and never more than half of what the attempts before it left:
# whoever takes a job again and again leaves room for the others.
MAX_LOG_BYTES_PER_ATTEMPT = MIB
MAX_LOG_BYTES_PER_JOB = 8 * MIB
MIN_LOG_BYTES_PER_ATTEMPT = 16 * KIB
# Times at which a log's bytes arrived.
MAX_LOG_MARKS = 8_192
LEASE_NS = 30 * SECOND_NS
COMMIT_WINDOW_NS = 30 * 60 * SECOND_NS
REVEAL_WINDOW_NS = 5 * 60 * SECOND_NS
VERDICT_WAIT_NS = 3_600 * SECOND_NS
STORE_WINDOW_NS = 30 * 60 * SECOND_NS
UPLOAD_PIECE_NS = 10 * SECOND_NS
APPROVAL_WAIT_NS = 3_600 * SECOND_NS
MAX_LEASES_PER_EXECUTOR = 16
MAX_HELD_JOBS = 256
MAX_EXECUTORS = 500
MAX_QUEUE_NS = 7 * 24 * 3_600 * SECOND_NS
MIN_GRACE_NS = 60 * SECOND_NS
REVEAL_GRACE_NS = 30 * SECOND_NS
# A closed round without a verdict is taken to want further votes after this: equal reveals bring
# the verdict a REVEAL_GRACE_NS after the last of them.
REOPEN_NS = REVEAL_GRACE_NS + 15 * SECOND_NS
REVEAL_ABSENCE_NS = 24 * 3_600 * SECOND_NS
BUILD_MARGIN_NS = 10 * 60 * SECOND_NS
WEATHER_PAUSE_NS = 5 * SECOND_NS
MAX_WEATHER_PAUSE_NS = 600 * SECOND_NS
REREAD_NS = 30 * SECOND_NS
MAX_REREAD_NS = 600 * SECOND_NS
# An executor gives a server half of this to list a ref; the rest is for the calls around it.
READ_NS = 60 * SECOND_NS
STOPPING_PAUSE_NS = 10 * SECOND_NS
LOST_PAUSE_NS = 60 * SECOND_NS
MAX_LOST_PAUSE_NS = 3_600 * SECOND_NS
MAX_STAGE_PAUSES = 100
MAX_JOB_FAILURES = 8
MAX_ATTEMPT = 65_535
MAX_OFFER_TEXTS = 64
MAX_OFFER_CHARS = 100
# A job that rebuilds what it needs is told all files twice, once with the names of their stages,
# and the pipeline: that must be below the 2 MiB of a reply.
MAX_RUN_MANIFEST_BYTES = 700_000
# What one job counts at most in the sums of usage, whatever its executor says.
MAX_COUNTED_CPUS = 256
MAX_COUNTED_BYTES = 1_024 * 1_024 * MIB

MAX_CHUNK_BYTES = 1_000_000
MAX_ARTIFACT_BYTES = 100 * MIB
MAX_MANIFEST_FILES = 256

DEFAULT_APPROVAL_TTL_NS = 24 * 3_600 * SECOND_NS
MAX_APPROVAL_TTL_NS = 30 * 24 * 3_600 * SECOND_NS

MAX_SNAPSHOTS_PER_TARGET = 5
# A module as it is released, packed or not. `deployment` holds MAX_ACTIVE_RELEASES of them.
MAX_MODULE_FILE_BYTES = 32 * MIB
# Files of an asset canister: what one release puts there, and how many it may find there.
MAX_ASSETS = MAX_MANIFEST_FILES
MAX_ASSETS_BYTES = 256 * MIB
MAX_LISTED_ASSETS = 2_000
# What a `.ic-assets.json5` may have, all of them in one folder together, and what comes of it.
MAX_ASSET_SETTINGS_FILES = 16
MAX_ASSET_SETTINGS_BYTES = 64 * 1024
MAX_ASSET_RULES = 200
# All patterns together: 1 for each piece between stars, 50 more for each character of one that has
# ? or []. What this allows takes about 15 of the 40 billion instructions of a message.
MAX_ASSET_PATTERNS = 5_000
MAX_ASSET_PROPERTIES_BYTES = 700_000
# Times that a batch of files is begun, each after the one before was refused or has expired.
MAX_ASSET_BATCHES = 3
# Unpacked; the network's limit for a module is the same.
MAX_MODULE_BYTES = 100 * MIB
MAX_OPEN_APPROVALS = 500
CREATE_CANISTER_CYCLES = 3_000_000_000_000

MIN_NONCE_BYTES = 16
MAX_NONCE_BYTES = 64
MAX_FAILURE_REASON_BYTES = 200
# Names of tests that failed, in one vote.
MAX_REPORTED_TESTS = 100
MAX_TEST_NAME_BYTES = 200
MAX_SOURCE_BYTES = 10_000

MAX_OPEN_RELEASES = 100
# Messages of verification that nobody has acknowledged yet: verdicts and release orders together.
MAX_OPEN_MESSAGES = 600
# How often an order that 0.1.0 left to make is tried: ten minutes and some calls.
MAX_PLAN_ATTEMPTS = 15
MAX_ACTIVE_RELEASES = 4
MAX_TARGET_CONTROLLERS = 9
MAX_TARGET_CYCLES = 1_000_000_000_000_000
RESERVE_CYCLES = 500_000_000_000
STEP_LIMIT_NS = 120 * SECOND_NS
# How long an answer about a target is waited for. A step makes at most two calls; and whoever stops
# the deployment canister waits for 300 s at most.
CALL_WAIT_SECONDS = 55
INSTALL_WAIT_SECONDS = 240
# So long a release goes on within one message, which keeps the canister from being stopped.
DRIVE_NS = 30 * SECOND_NS
ADMIN_LOCK_NS = 600 * SECOND_NS
