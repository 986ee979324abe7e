"""Tests of JMAP."""
