"""Agreed results that an executor uses again, when all that they were made from is the same."""
