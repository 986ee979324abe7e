"""What happens to a stanza: router, sessions, presence, roster, offline storage."""
