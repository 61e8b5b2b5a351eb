"""How clients come in: accepting, TLS, and what proxies say of them."""
