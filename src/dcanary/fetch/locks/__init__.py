"""Readers of lock files, one kind a file; `reading.READERS` lists them.

A reader never raises for what a file says: what is wrong with it becomes a LockProblem.
"""
