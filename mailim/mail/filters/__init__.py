"""The content filter: an administrator's rules for mail, read from `etc/filters.toml`."""
