"""What a subnet is: its records, limits, prices, ids and error codes. Plain data, no effects."""
