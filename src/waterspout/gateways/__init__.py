"""Gateways: our application under servers that are not ours."""
