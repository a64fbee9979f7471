"""HTTP gateway: ordinary HTTP requests answered by canisters."""
