"""Pipelines as text that people change before it is sent: drafts, and versions in force."""
