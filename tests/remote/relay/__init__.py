"""Tests of `mailim.remote.relay`."""
