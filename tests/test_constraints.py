"""What a violated constraint says of itself, on both databases."""

from __future__ import annotations

import pytest

from ormkit import (
    AsyncSession,
    CheckConstraint,
    CheckViolation,
    DeclarativeBase,
    ForeignKey,
    ForeignKeyViolation,
    Mapped,
    NotNullViolation,
    UniqueViolation,
    mapped_column,
)


class Base(DeclarativeBase):
    __abstract__ = True


class Team(Base):
    __tablename__ = "teams"
    id: Mapped[int] = mapped_column(primary_key=True)


class Player(Base):
    __tablename__ = "players"
    __table_args__ = (CheckConstraint("number < 100", name="ck_players_number"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    number: Mapped[int]
    team_id: Mapped[int | None] = mapped_column(ForeignKey("teams.id"))
    former_id: Mapped[int | None] = mapped_column(ForeignKey("teams.id"))


@pytest.fixture
async def db(engine):
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        await session.insert_all([Team(id=1), Team(id=2), Player(id=50, name="Ann", number=1, team_id=1)])
    return engine


def told(error):
    return error.sqlstate, error.constraint_name, error.table, list(error.columns)


async def test_unique(db):
    async with AsyncSession(db) as session:
        with pytest.raises(UniqueViolation) as caught:
            await session.insert(Player(name="Ann", number=2))
    assert told(caught.value) == ("23505", "uq_players_name", "players", ["name"])


async def test_not_null(db):
    with pytest.raises(NotNullViolation) as caught:
        await db.execute("INSERT INTO players (name) VALUES ('Bea')")
    assert (caught.value.sqlstate, caught.value.table, caught.value.columns) == ("23502", "players", ("number",))


@pytest.mark.parametrize("verb", ["insert", "update"])
async def test_check(db, verb):
    async with AsyncSession(db) as session:
        with pytest.raises(CheckViolation) as caught:
            if verb == "insert":
                await session.insert(Player(name="Bea", number=100))
            else:
                await session.update(await session.get(Player, 50), number=100)
    assert told(caught.value)[:3] == ("23514", "ck_players_number", "players")


async def test_foreign_key_of_an_inserted_row(db):
    async with AsyncSession(db) as session:
        with pytest.raises(ForeignKeyViolation) as caught:
            await session.insert(Player(name="Bea", number=2, former_id=9))
    assert told(caught.value) == ("23503", "fk_players_former_id_teams", "players", ["former_id"])


async def test_foreign_key_of_a_changed_row(db):
    async with AsyncSession(db) as session:
        with pytest.raises(ForeignKeyViolation) as caught:
            await session.update(await session.get(Player, 50), team_id=9)
    assert told(caught.value) == ("23503", "fk_players_team_id_teams", "players", ["team_id"])


async def test_two_keys_that_may_be_the_violated_one_are_not_guessed_at(db):
    async with AsyncSession(db) as session:
        with pytest.raises(ForeignKeyViolation) as caught:
            await session.insert(Player(name="Bea", number=2, team_id=1, former_id=9))
    found = told(caught.value)
    exact = ("23503", "fk_players_former_id_teams", "players", ["former_id"])
    assert found == (exact if db.is_postgres() else ("23503", None, "players", []))
