"""One request through one application, whatever the gateway."""
