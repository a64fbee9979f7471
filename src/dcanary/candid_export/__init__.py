"""The interface of a module from the module alone: its metadata, or its own export.

A pure function of the bytes, so that everybody who has a module reads the same interface.
"""
