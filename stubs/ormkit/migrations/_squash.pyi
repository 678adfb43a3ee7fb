"""One revision in the place of all up to one. Nothing here is for others."""
