"""Loading revision files. Nothing here is for others."""
