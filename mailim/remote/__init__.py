"""We are the client: MultiPOP and the relay."""
