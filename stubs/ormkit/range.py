"""Ranges: everything between two bounds."""

from ormkit._ormkit import Range

__all__ = ["Range"]
