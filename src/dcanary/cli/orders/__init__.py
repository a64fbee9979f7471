"""Orders as approvers see them: all that the digest binds, beside what the target runs now."""
