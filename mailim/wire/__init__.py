"""Formats and grammars as pure functions and sans-I/O parsers: bytes in, values out."""
