"""How well a fit describes its own rows."""
