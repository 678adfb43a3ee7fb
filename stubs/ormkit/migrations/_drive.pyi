"""A function of a revision while it runs. Nothing here is for others."""
