"""Adapters of this library and of five frameworks: what they run, and examples to write one's own by.

Each module has a class `Adapter` with a method for each operation. It computes with nothing but its framework, and
raises `Unsupported` where the framework has no such thing. Importing one of them imports the framework.
"""
