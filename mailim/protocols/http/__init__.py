"""HTTP/1.1 on twisted.web: routes as coroutines, limits, security headers, identity."""
