"""The contexts of requests and of application work, and the proxies to what is in them."""
