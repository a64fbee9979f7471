"""Talk to a DCanary installation: signed calls, certificates, typed canisters."""
