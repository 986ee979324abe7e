"""Who may do what: domains, accounts, aliases, groups, credentials, the login limiter."""
