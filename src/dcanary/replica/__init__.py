"""Run an Internet Computer for one machine: engine, HTTP interface, gateway, PocketIC server."""
