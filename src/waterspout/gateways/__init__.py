"""Our application under the servers of others."""
