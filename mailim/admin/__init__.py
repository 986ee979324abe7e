"""One table of operations; the command line and the admin API are its two faces."""
