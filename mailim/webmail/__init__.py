"""Serves the browser application: pages, frames for HTML mail, settings."""
