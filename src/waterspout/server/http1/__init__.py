"""One HTTP/1.1 client: bytes to requests, responses to bytes."""
