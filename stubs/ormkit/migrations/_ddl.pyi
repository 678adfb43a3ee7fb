"""Sequences and schemas of revision files. Nothing here is for others."""
