"""The parts of an application: registries, request handlers, mounted programs, start and stop."""
