"""Names that many parts know: the five canisters and the identity that is used unasked."""

CANISTERS = ("webhook", "pipeline_config", "build_executor", "verification", "deployment")
"""In the order in which they are created and wired."""
DEFAULT_IDENTITY = "default"
