"""Relations, and the options that load them."""

from ormkit._ormkit import (
    Change,
    Loader,
    RelatedList,
    RelationshipInfo,
    joinedload,
    lazyload,
    noload,
    raiseload,
    relationship,
    selectinload,
    subqueryload,
)

__all__ = [
    "Change",
    "Loader",
    "RelatedList",
    "RelationshipInfo",
    "joinedload",
    "lazyload",
    "noload",
    "raiseload",
    "relationship",
    "selectinload",
    "subqueryload",
]
