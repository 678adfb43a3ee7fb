"""Primary keys that change, and keys that collide, on both databases."""

import pytest
from sent import sent

from ormkit import (
    AsyncSession,
    DeclarativeBase,
    ForeignKey,
    IntegrityError,
    Mapped,
    StaleDataError,
    UniqueViolation,
    mapped_column,
    relationship,
    selectinload,
)


class Base(DeclarativeBase):
    __abstract__ = True


class Country(Base):
    __tablename__ = "countries"
    code: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    towns: Mapped[list["Town"]] = relationship(back_populates="country")
    rivers: Mapped[list["River"]] = relationship(back_populates="country")


class Town(Base):
    """The database carries a changed key along, into the town's own key."""

    __tablename__ = "towns"
    country_code: Mapped[str] = mapped_column(ForeignKey("countries.code", onupdate="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    country: Mapped[Country] = relationship(back_populates="towns")


class River(Base):
    __tablename__ = "rivers"
    id: Mapped[int] = mapped_column(primary_key=True)
    country_code: Mapped[str | None] = mapped_column(ForeignKey("countries.code"))
    country: Mapped[Country | None] = relationship(back_populates="rivers")


@pytest.fixture
async def db(engine):
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        towns = [Town(name="Bonn"), Town(name="Ulm")]
        await session.insert_all([Country(code="d", name="Germany", towns=towns), Country(code="f", name="France")])
    return engine


async def rows(engine, sql):
    return (await engine.execute(sql)).tuples()


async def test_changed_key_is_updated_and_the_object_known_by_it(db):
    async with AsyncSession(db) as session:
        country = await session.get(Country, "f")
        country.code, country.name = "fr", "Frankreich"
        assert await session.get(Country, "f") is country
        with sent(db) as texts:
            await session.commit()
        assert len(texts) == 1
        assert await session.get(Country, "fr") is country
        assert await session.get(Country, "f") is None
    assert await rows(db, "SELECT code, name FROM countries ORDER BY code") == [("d", "Germany"), ("fr", "Frankreich")]


async def test_objects_follow_what_the_database_carries_along(db):
    async with AsyncSession(db) as session:
        country = await session.get(Country, "d", options=[selectinload(Country.towns)])
        bonn, ulm = sorted(country.towns, key=lambda town: town.name)
        country.code = "de"
        with sent(db) as texts:
            await session.flush()
        assert len(texts) == 1
        assert (bonn.country_code, ulm.country_code, bonn.country) == ("de", "de", country)
        assert session.dirty == []
        assert await session.get(Town, ("de", "Ulm")) is ulm
        await session.rollback()
        assert (country.code, bonn.country_code) == ("d", "d")
        assert await session.get(Town, ("d", "Ulm")) is ulm
        assert await session.get(Country, "d") is country
        country.code = "de"
        await session.commit()
    assert await rows(db, "SELECT country_code, name FROM towns ORDER BY name") == [("de", "Bonn"), ("de", "Ulm")]


async def test_key_that_changes_twice_is_undone_step_by_step(db):
    async with AsyncSession(db) as session:
        country = await session.get(Country, "f")
        async with session.begin() as outer:
            country.code = "fr"
            await session.flush()
            inner = session.begin_nested()
            async with inner as savepoint:
                country.code = "fra"
                await session.flush()
                assert await session.get(Country, "fra") is country
                await savepoint.rollback()
            assert country.code == "fr"
            assert await session.get(Country, "fr") is country
            await outer.rollback()
        assert country.code == "f"
        assert await session.get(Country, "f") is country
        new = Country(code="x", name="X")
        session.add(new)
        await session.flush()
        new.code = "y"
        await session.flush()
        await session.rollback()
        assert (new.code, await session.get(Country, "y")) == ("x", None)


async def test_several_keys_change_in_one_statement(db):
    async with AsyncSession(db) as session:
        countries = await session.query(Country).order_by("code").all()
        for country in countries:
            country.code += "!"
        with sent(db) as texts:
            await session.commit()
        assert len(texts) == 1
        assert [await session.get(Country, code) for code in ("d!", "f!")] == countries
    assert await rows(db, "SELECT code FROM countries ORDER BY code") == [("d!",), ("f!",)]


async def test_loaded_children_follow_where_the_database_does_not(db):
    """A foreign key without ON UPDATE CASCADE that is checked at once lets no such change through: a clear error."""
    async with AsyncSession(db) as session:
        country = await session.get(Country, "f", options=[selectinload(Country.rivers)])
        country.rivers.append(River())
        await session.commit()
        country.code = "fr"
        with pytest.raises(IntegrityError):
            await session.flush()
        await session.rollback()
        assert (country.code, country.rivers[0].country_code) == ("f", "f")


async def test_children_are_updated_where_nothing_enforces_the_key(sqlite_url):
    from ormkit import create_engine

    async with create_engine(sqlite_url) as db:
        await db.execute("CREATE TABLE countries (code TEXT PRIMARY KEY, name TEXT)")
        await db.execute("CREATE TABLE rivers (id INTEGER PRIMARY KEY, country_code TEXT)")
        async with AsyncSession(db) as session:
            country = await session.insert(Country(code="f", name="France", rivers=[River(), River()]))
            country.code = "fr"
            with sent(db) as texts:
                await session.commit()
            assert len(texts) == 2
        assert await rows(db, "SELECT country_code FROM rivers") == [("fr",), ("fr",)]


@pytest.mark.parametrize("held", [False, True])
async def test_duplicate_keys_of_one_flush_are_named(db, held):
    async with AsyncSession(db) as session:
        if held:
            kept = await session.get(Country, "f")
            session.add(Country(code="f", name="again"))
            message = r"a new Country has the same key \(code\) as one that the session holds"
        else:
            kept = None
            session.add_all([Country(code="x", name="1"), Country(code="x", name="2")])
            message = r"a new Country has the same key \(code\) as another new one of this flush"
        with pytest.raises(UniqueViolation, match=message):
            await session.flush()
        await session.rollback()
        assert (await session.get(Country, "f") is kept) == held


async def test_row_that_vanished_is_noticed_when_its_key_changes(db):
    async with AsyncSession(db) as session:
        country = await session.get(Country, "f")
        await db.execute("DELETE FROM countries WHERE code = 'f'")
        country.code = "fr"
        with pytest.raises(StaleDataError, match="countries"):
            await session.flush()
        await session.rollback()
        assert country.code == "f"


@pytest.mark.parametrize("several", [True, False])
async def test_object_with_an_unwritten_key_is_deleted_by_its_old_one(db, several):
    async with AsyncSession(db) as session:
        await session.insert_all([Country(code="x", name="X"), Country(code="y", name="Y"), River(country_code="f")])
        france, other = await session.get(Country, "f"), await session.get(Country, "x")
        france.code = "y"
        session.delete(france)
        if several:
            session.delete(other)
        await session.flush()
        assert france not in session and (other in session) is not several
        assert await session.get(Country, "f") is None
        await session.rollback()
        assert (france.code, await session.get(Country, "f")) == ("f", france)
        france.code = "y"
        await session.remove(france)
    assert await rows(db, "SELECT code FROM countries ORDER BY code") == [("d",), ("x",), ("y",)]
    assert await rows(db, "SELECT country_code FROM rivers") == [(None,)]


@pytest.mark.parametrize("key", ["f", "free"])
async def test_object_with_an_unwritten_key_is_read_by_its_old_one(db, key):
    async with AsyncSession(db, autoflush=False) as session:
        country = await session.get(Country, "d")
        country.code = key
        await session.load(country, Country.towns)
        assert [town.name for town in country.towns] == ["Bonn", "Ulm"]
        await session.refresh(country)
        assert (country.code, country.name, session.dirty) == ("d", "Germany", [])


async def test_links_of_a_plain_junction_go_along_with_a_changed_key(engine):
    class Own(DeclarativeBase):
        pass

    class Song(Own):
        __tablename__ = "songs"
        title: Mapped[str] = mapped_column(primary_key=True)
        moods: Mapped[list["Mood"]] = relationship(secondary="song_moods", back_populates="songs")

    class Mood(Own):
        __tablename__ = "moods"
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str]
        songs: Mapped[list[Song]] = relationship(secondary="song_moods", back_populates="moods")

    await Own.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        calm, loud = Mood(name="calm"), Mood(name="loud")
        song = Song(title="a", moods=[calm])
        session.add_all([song, loud])
        await session.commit()
        song.title = "b"
        song.moods.append(loud)
        await session.commit()
        song.title = "c"
        song.moods.remove(calm)
        await session.commit()
        assert await rows(engine, "SELECT song_id, mood_id FROM song_moods") == [("c", loud.id)]
        assert loud.songs == [song]
        song.title = "d"
        await session.flush()
        await session.rollback()
        assert (song.title, song.moods) == ("c", [loud])
    async with AsyncSession(engine) as session:
        [song] = await session.query(Song).options(selectinload(Song.moods))
        assert [mood.name for mood in song.moods] == ["loud"]


async def test_keys_of_several_columns_take_links_of_a_plain_junction_along(engine):
    class Own(DeclarativeBase):
        pass

    class Seat(Own):
        __tablename__ = "seats"
        row: Mapped[str] = mapped_column(primary_key=True)
        number: Mapped[int] = mapped_column(primary_key=True)
        guests: Mapped[list["Guest"]] = relationship(secondary="seat_guests")

    class Guest(Own):
        __tablename__ = "guests"
        id: Mapped[int] = mapped_column(primary_key=True)

    await Own.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        seat = Seat(row="A", number=1, guests=[Guest()])
        session.add(seat)
        await session.commit()
        seat.number = 2
        await session.commit()
    assert await rows(engine, "SELECT seat_row, seat_number FROM seat_guests") == [("A", 2)]
