"""Alembic revisions of the database, run by `mailim.store.migration`."""
