"""What a class body is made of."""

from ormkit._ormkit import (
    CheckConstraint,
    ColumnInfo,
    Computed,
    ExcludeConstraint,
    FetchedValue,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Mapped,
    PrimaryKeyConstraint,
    Sequence,
    UniqueConstraint,
    WriteOnlyMapped,
    declared_attr,
    mapped_column,
)
from ormkit.types import *  # noqa: F403
from ormkit.types import __all__ as _types

Column = mapped_column

__all__ = [
    "CheckConstraint",
    "Column",
    "ColumnInfo",
    "Computed",
    "ExcludeConstraint",
    "FetchedValue",
    "ForeignKey",
    "ForeignKeyConstraint",
    "Identity",
    "Index",
    "Mapped",
    "PrimaryKeyConstraint",
    "Sequence",
    "UniqueConstraint",
    "WriteOnlyMapped",
    "declared_attr",
    "mapped_column",
    *(name for name in _types if not name.endswith("_codec")),
]
