"""Statements of revisions with their lines. Nothing here is for others."""
