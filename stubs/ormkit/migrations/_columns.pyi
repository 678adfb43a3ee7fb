"""Columns, constraints and SQL texts of revision files. Nothing here is for others."""
