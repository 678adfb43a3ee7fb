"""Revision files for `ormkit lint`. Nothing here is for others."""
