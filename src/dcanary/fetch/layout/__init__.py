"""How dependencies lie for the tools that use them without a network, one kind a file."""
