"""Column types of revision files. Nothing here is for others."""
