"""New connections: accepting, TLS, and what proxies say about clients."""
