"""Never run: loader options and `session.load`, as mypy and pyright in strict mode see them."""

from __future__ import annotations

from typing_extensions import assert_type

from ormkit import (
    AsyncSession,
    Base,
    ForeignKey,
    Load,
    Loader,
    Mapped,
    Prefetch,
    Query,
    RelationPart,
    Select,
    WriteOnlyCollection,
    WriteOnlyMapped,
    contains_eager,
    defer,
    joinedload,
    load_only,
    mapped_column,
    raiseload,
    relationship,
    select,
    selectinload,
    undefer_group,
    with_loader_criteria,
    with_parent,
)


class Band(Base):
    __tablename__ = "bands"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    story: Mapped[str | None] = mapped_column(deferred_group="texts")
    songs: Mapped[list[Song]] = relationship(back_populates="band")
    concerts: WriteOnlyMapped[Concert] = relationship()


class Song(Base):
    __tablename__ = "songs"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    band_id: Mapped[int] = mapped_column(ForeignKey("bands.id"))
    band: Mapped[Band] = relationship(back_populates="songs")


class Concert(Base):
    __tablename__ = "concerts"
    id: Mapped[int] = mapped_column(primary_key=True)
    band_id: Mapped[int] = mapped_column(ForeignKey("bands.id"))


async def write_only_lists_are_typed(session: AsyncSession, band: Band, song: Song) -> None:
    assert_type(band.concerts, WriteOnlyCollection[Concert])
    band.concerts = [Concert()]
    band.concerts.add(Concert(), Concert())
    await band.concerts.remove(Concert())
    band.concerts.add(song)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert_type(band.concerts.select(), Select[Concert])
    assert_type((await session.scalars(band.concerts.select().where(Concert.id > 1))).all(), list[Concert])
    await session.execute(band.concerts.insert(), [{"id": 1}])
    await session.execute(band.concerts.update().values(id=2))
    await session.execute(band.concerts.delete())
    band.concerts[0]  # type: ignore[index]  # pyright: ignore[reportIndexIssue]
    await session.scalars(select(Song).where(with_parent(band, Band.songs)))


async def options_are_typed(session: AsyncSession) -> None:
    part = Band.songs.and_(Song.title != "")
    assert_type(part, RelationPart[list[Song]])
    loader = selectinload(part, recursion_depth=None).order_by(Song.title.desc(), "-id").limit(3).load_only(Song.title)
    assert_type(loader, Loader)
    query = session.query(Band).options(loader, "songs.band", Band.songs, defer(Band.name), undefer_group("texts"))
    assert_type(query, Query[Band])
    assert_type(await query, list[Band])
    prefetched = session.query(Band).prefetch_related(Prefetch("songs", queryset=session.query(Song)), Band.songs)
    assert_type(prefetched, Query[Band])
    statement = select(Band).join(Band.songs).options(contains_eager(Band.songs).options(joinedload(Song.band)))
    criteria = with_loader_criteria(Song, lambda song: song.title != "")
    assert_type((await session.scalars(statement.options(criteria, raiseload("*"), Load(Band)))).all(), list[Band])


async def load_takes_one_object_or_many(session: AsyncSession, band: Band) -> None:
    await session.load(band, Band.songs, "story", selectinload(Band.songs), peers=True)
    await session.load([band], Band.songs)
    assert_type(await session.get(Band, 1, options=load_only(Band.name)), Band | None)
    assert_type(await session.get_one(Band, 1, options=[selectinload(Band.songs)]), Band)
