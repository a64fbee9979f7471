"""A server that speaks the PocketIC server's REST API over embedded subnets."""
