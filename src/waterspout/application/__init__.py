"""What an application is made of: what is registered, what is mounted, its start and stop."""
