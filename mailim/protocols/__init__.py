"""We are the server: one wire format each, no policy."""
