"""The `dcanary` command: `dcanary NOUN VERB`, one module per noun."""
