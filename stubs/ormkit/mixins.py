"""Columns that many classes have: `class Article(SoftDeleteMixin, TimestampMixin, Base)`."""

from datetime import datetime, timezone

from ormkit.fields import DateTime, Mapped, mapped_column
from ormkit.query import func

__all__ = ["SoftDeleteMixin", "TimestampMixin"]


def _now() -> datetime:
    return datetime.now(timezone.utc)


class SoftDeleteMixin:
    """Rows that are marked as deleted and stay: statements, joins, eager loads and `get` leave them out."""

    __soft_delete__ = "deleted_at"
    deleted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True), index=True, default=None)

    @property
    def is_deleted(self) -> bool:
        """Whether the mark is set, in memory: a flush writes it."""
        return self.deleted_at is not None

    def mark_deleted(self) -> None:
        """Set the mark, with the current time; the next flush writes it. One that is set stays."""
        if self.deleted_at is None:
            self.deleted_at = _now()

    def mark_restored(self) -> None:
        """Take the mark off; the next flush writes it."""
        self.deleted_at = None


class TimestampMixin:
    """When a row was made and when it was written last, by this process's clock, aware and in UTC. Rows that other programs
    insert without them get the database's time."""

    created_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), default_factory=_now, server_default=func.now()
    )
    updated_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), default_factory=_now, server_default=func.now(), onupdate=_now
    )
