"""Tests of the content filter."""
