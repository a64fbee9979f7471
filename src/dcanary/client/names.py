"""The five canisters, in the order in which they are created and wired."""

CANISTERS = ("webhook", "pipeline_config", "build_executor", "verification", "deployment")
