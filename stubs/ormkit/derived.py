"""Attributes that are made of others."""

from ormkit._ormkit import (
    AssociationProxy,
    association_proxy,
    column_property,
    hybrid_method,
    hybrid_property,
    synonym,
    validates,
)

__all__ = [
    "AssociationProxy",
    "association_proxy",
    "column_property",
    "hybrid_method",
    "hybrid_property",
    "synonym",
    "validates",
]
