"""MultiPOP."""
