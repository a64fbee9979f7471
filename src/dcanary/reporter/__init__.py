"""Posts reports of an installation to the forges of its repositories, as statuses of commits."""
