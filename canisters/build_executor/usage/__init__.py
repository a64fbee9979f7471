"""What jobs used, by repository and operator, day by day."""
