"""Columns that many classes have: `class Article(SoftDeleteMixin, TimestampMixin, Base)`."""

from datetime import datetime

from ormkit.fields import Mapped

class SoftDeleteMixin:
    """Rows that are marked as deleted and stay: statements, joins, eager loads and `get` leave them out."""

    __soft_delete__: str | None
    deleted_at: Mapped[datetime | None]
    @property
    def is_deleted(self) -> bool:
        """Whether the mark is set, in memory: a flush writes it."""

    def mark_deleted(self) -> None:
        """Set the mark, with the current time; the next flush writes it. One that is set stays."""

    def mark_restored(self) -> None:
        """Take the mark off; the next flush writes it."""

class TimestampMixin:
    """When a row was made and when it was written last, by this process's clock, aware and in UTC; the database's for rows that
    other programs insert without them."""

    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
