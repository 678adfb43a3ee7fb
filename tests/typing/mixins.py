"""Never run: what soft deletion and the mixins show to mypy and pyright in strict mode."""

from __future__ import annotations

from datetime import datetime

from typing_extensions import assert_type

from ormkit import AsyncSession, Base, DeclarativeBase, Mapped, MappedAsDataclass, mapped_column, select
from ormkit.mixins import SoftDeleteMixin, TimestampMixin
from ormkit.query import Attribute, Query, Select


class Article(SoftDeleteMixin, TimestampMixin, Base):
    __tablename__ = "articles"
    id: Mapped[int] = mapped_column(primary_key=True)


class Checked(MappedAsDataclass, DeclarativeBase):
    pass


class Note(SoftDeleteMixin, Checked):
    __tablename__ = "notes"
    id: Mapped[int] = mapped_column(init=False, primary_key=True)
    text: Mapped[str]


async def uses(session: AsyncSession, article: Article) -> None:
    assert_type(Article.deleted_at, Attribute[datetime | None])
    assert_type(article.deleted_at, datetime | None)
    assert_type(article.updated_at, datetime)
    assert_type(article.is_deleted, bool)
    assert_type(await session.soft_delete(article), Article)
    assert_type(await session.restore(article), Article)
    assert_type(await session.get(Article, 1, include_deleted=True), Article | None)
    assert_type(session.query(Article).only_deleted(), Query[Article])
    assert_type(await session.query(Article).with_deleted(), list[Article])
    assert_type(select(Article).execution_options(include_deleted=True), Select[Article])
    Note(text="a").mark_deleted()
