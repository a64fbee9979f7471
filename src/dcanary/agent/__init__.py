"""The executor: leases jobs, builds them in a sandbox, attests to what came out."""
