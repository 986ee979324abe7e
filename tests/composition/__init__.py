"""Tests of `mailim.composition`."""
