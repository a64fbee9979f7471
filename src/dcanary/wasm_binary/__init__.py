"""The WebAssembly binary format: LEB128 numbers, sections, whole modules.

A leaf: the tool chain (`dcanary.wasm`) and the replica (`dcanary.replica`) both read and write
modules with it. Function bodies are never looked into here.
"""
