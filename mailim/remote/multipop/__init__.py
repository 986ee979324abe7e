"""MultiPOP: collects mail from outside POP3 boxes into local accounts."""
