"""Values that only executors may read: sealed to them, masked in logs, kept out of artifacts."""
