"""Keywords of the functions of `op`. Nothing here is for others."""
