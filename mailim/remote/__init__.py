"""We are the client: MultiPOP, and later the relay."""
