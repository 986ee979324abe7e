"""JMAP (RFC 8620) and JMAP Mail (RFC 8621): one file for each method."""
