"""Protection of an application, one module a subject: signing, origins, redirects, tokens."""
