"""Running canister code on wasmtime."""
