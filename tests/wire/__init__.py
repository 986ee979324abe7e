"""Tests of the formats and grammars in mailim.wire."""
