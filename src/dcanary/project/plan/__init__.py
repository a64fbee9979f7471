"""From facts to a pipeline: which template fits, with which values, and what stays open."""
