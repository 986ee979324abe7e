"""Mail to other servers (RFC 5321): the way out."""
