"""INSERT as a statement: defaults of columns, conflicts, the rows of a SELECT, on both databases."""

from __future__ import annotations

import itertools

import pytest
from counting import sent
from library import Author

from ormkit import (
    AsyncSession,
    ConnectionPool,
    DatabaseError,
    DeclarativeBase,
    Index,
    Mapped,
    NotNullViolation,
    ProgrammingError,
    func,
    insert,
    literal,
    mapped_column,
    null,
    select,
    text,
    union_all,
)

numbers = itertools.count(1)


class Base(DeclarativeBase):
    __abstract__ = True


class Part(Base):
    __tablename__ = "parts"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    amount: Mapped[int] = mapped_column(default=7)
    serial: Mapped[int] = mapped_column(default_factory=lambda: next(numbers))
    tags: Mapped[list[str]] = mapped_column(insert_default=list)
    kind: Mapped[str] = mapped_column(insert_default=func.lower("NEW"))
    place: Mapped[str] = mapped_column(server_default="A")
    note: Mapped[str | None]


class Seat(Base):
    __tablename__ = "seats"
    id: Mapped[int] = mapped_column(primary_key=True)
    line: Mapped[int]
    taken: Mapped[bool] = mapped_column(default=True)
    taken_by: Mapped[str | None]
    __table_args__ = (
        Index("uq_taken", "line", unique=True, postgresql_where=text("line > 0"), sqlite_where=text("line > 0")),
    )


class Blank(Base):
    __tablename__ = "blanks"
    id: Mapped[int] = mapped_column(primary_key=True)
    word: Mapped[str] = mapped_column(default="x")


@pytest.fixture
async def session(engine):
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        yield session
        await session.rollback()


async def parts(session):
    columns = (Part.name, Part.amount, Part.serial, Part.tags, Part.kind, Part.place)
    return [tuple(row) for row in await session.execute(select(*columns).order_by(Part.id))]


async def test_columns_that_are_not_given_take_their_defaults(session):
    at = next(numbers) + 1
    await session.execute(insert(Part).values(name="a"))
    await session.execute(insert(Part).values([{"name": "b", "amount": 1}, {"name": "c", "amount": 2}]))
    await session.execute(insert(Part), [{"name": "d"}, {"name": "e"}])
    await session.execute(insert(Part), {"name": "f", "serial": -1, "tags": ["t"], "kind": "k", "place": "B"})
    assert await parts(session) == [
        ("a", 7, at, [], "new", "A"),
        ("b", 1, at + 1, [], "new", "A"),
        ("c", 2, at + 2, [], "new", "A"),
        ("d", 7, at + 3, [], "new", "A"),
        ("e", 7, at + 4, [], "new", "A"),
        ("f", 7, -1, ["t"], "k", "B"),
    ]


async def test_a_value_that_is_none_is_no_default(session):
    with pytest.raises(NotNullViolation):
        await session.execute(insert(Part).values(name="a", amount=None))


async def test_row_of_nothing_but_defaults(session):
    await session.execute(insert(Blank))
    await session.execute(insert(Blank), [{}, {}])
    assert (await session.scalars(select(Blank.word))).all() == ["x"] * 3


def test_shown_statement_is_the_one_that_is_sent():
    assert insert(Seat).values(line=1).to_sql() == ("INSERT INTO seats (line, taken) VALUES ($1, $2)", [1, True])
    assert str(insert(Seat).from_select(["line"], select(Part.amount), include_defaults=False)) == (
        "INSERT INTO seats (line) SELECT amount FROM parts"
    )


async def test_connection_takes_rows_beside_an_insert(session, engine):
    async with engine.begin() as connection:
        result = await connection.execute(insert(Seat).returning(Seat.taken), [{"line": 1}, {"line": 2}])
        assert result.tuples() == [(True,), (True,)]


async def test_rows_of_a_select_take_defaults(session):
    await session.execute(insert(Part), [{"name": "a"}, {"name": "b"}])
    at = next(numbers) + 1
    more = insert(Part).from_select(["name", "note"], select(func.upper(Part.name), null()).order_by(Part.id))
    await session.execute(more)
    assert (await parts(session))[2:] == [("A", 7, at, [], "new", "A"), ("B", 7, at, [], "new", "A")]
    assert next(numbers) == at + 1


async def test_rows_of_a_select_take_no_defaults_where_that_is_said(session):
    bare = insert(Part).from_select(["name"], select(literal("a")), include_defaults=False)
    with pytest.raises(NotNullViolation, match="amount"):
        await session.execute(bare)


async def test_rows_of_a_union_take_no_defaults(session):
    rows = union_all(select(literal("a").label("name")), select(literal("b").label("name")))
    with pytest.raises(ProgrammingError, match=r"set operation take no value for Part\.amount"):
        await session.execute(insert(Part).from_select(["name"], rows))
    await session.rollback()
    await session.execute(insert(Part).from_select(["name"], select(rows.subquery().c.name)))
    assert [row[:2] for row in await parts(session)] == [("a", 7), ("b", 7)]


async def test_excluded_stands_beside_the_row_that_is_there(session):
    await session.execute(insert(Part).values(name="a", amount=5))
    new = insert(Part).values(name="a", amount=2, note="n")
    more = new.on_conflict_do_update(
        "name", set_={"amount": Part.amount + new.excluded.amount, "note": new.excluded["note"]}
    )
    await session.execute(more)
    assert await session.scalar(select(Part.amount)) == 7
    few = new.on_conflict_do_update(
        "name", set_={"amount": new.excluded.amount}, where=Part.amount < new.excluded.amount
    )
    assert (await session.execute(few)).rowcount == 0
    with pytest.raises(AttributeError, match="did you mean `amount`"):
        _ = new.excluded.amuont
    with pytest.raises(TypeError, match="at least one column"):
        new.on_conflict_do_update("name", set_={})


async def test_conflict_without_set_updates_the_given_columns_only(session):
    await session.execute(insert(Part).values(name="a", amount=5))
    before = await parts(session)
    upsert = insert(Part).on_conflict_do_update("name")
    await session.execute(upsert, [{"name": "a", "note": "x"}, {"name": "b", "note": "y"}])
    assert (await parts(session))[0] == before[0]
    assert (await session.scalars(select(Part.note).order_by(Part.id))).all() == ["x", "y"]
    await session.execute(upsert.values(name="b", note="z"))
    assert (await session.scalars(select(Part.note).order_by(Part.id))).all() == ["x", "z"]


async def test_conflict_of_a_partial_index(session):
    await session.execute(insert(Seat).values(line=1))
    new = insert(Seat).values(line=1, taken_by="Ann")
    await session.execute(new.on_conflict_do_update("line", index_where=Seat.line > 0))
    assert (await session.scalars(select(Seat.taken_by))).all() == ["Ann"]
    nothing = new.on_conflict_do_nothing(index_elements=[Seat.line], index_where=Seat.line > 0)
    assert (await session.execute(nothing)).rowcount == 0
    with pytest.raises(TypeError, match="name its columns"):
        new.on_conflict_do_nothing(index_where=Seat.line > 0)
    with pytest.raises(TypeError, match="not about both"):
        new.on_conflict_do_nothing("line", constraint="uq_taken")


def test_conditions_of_two_indexes_are_two_statements():
    new = insert(Seat).values(line=1)
    texts = {str(new.on_conflict_do_nothing("line", index_where=Seat.line > least)) for least in (0, 5)}
    assert {text.rpartition(" WHERE ")[2] for text in texts} == {"line > 0 DO NOTHING", "line > 5 DO NOTHING"}


async def test_partial_index_of_another_condition_is_not_taken(session):
    await session.execute(insert(Seat).values(line=1))
    new = insert(Seat).values(line=1, taken_by="Ann")
    await session.execute(new.on_conflict_do_nothing("line", index_where=Seat.line > 0))
    with pytest.raises(DatabaseError, match="ON CONFLICT"):
        await session.execute(new.on_conflict_do_nothing("line", index_where=Seat.line > -5))


async def test_text_runs_with_its_bound_values(session, engine):
    await session.execute(insert(Seat), [{"line": 1}, {"line": 2}])
    bound = text("SELECT taken_by, line FROM seats WHERE line > :least").bindparams(least=1)
    assert (await session.execute(bound)).all() == [(None, 2)]
    change = text("UPDATE seats SET taken_by = :who WHERE line = :line").bindparams(who="Ann", line=1)
    assert (await session.execute(change)).rowcount == 1
    with pytest.raises(TypeError, match=r"by bindparams\(\.\.\)"):
        await session.execute(bound, {"least": 2})
    await session.commit()
    async with engine.connect() as connection:
        assert (await connection.execute(bound)).tuples() == [(None, 2)]


async def test_defaults_make_no_new_text_for_other_values(session, engine):
    with sent(engine) as seen:
        for name in "abc":
            await session.execute(insert(Part).values(name=name))
    assert len({sql for sql in seen.statements if sql.startswith("INSERT")}) == 1


async def test_a_conflict_about_all_that_is_given_answers_the_row_that_was_there(engine):
    await Part.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        part = await session.insert(Part(name="a"))
        statement = insert(Part).values({"name": "a"}, {"name": "b"}).on_conflict_do_update("name")
        rows = (await session.execute(statement.returning(Part.name, Part.amount))).all()
        assert sorted(rows) == [("a", 7), ("b", 7)]
        assert part.amount == 7
        await session.rollback()


async def test_columns_of_excluded_are_named_in_order(engine: ConnectionPool) -> None:
    statement = insert(Author)
    assert statement.excluded.keys()[:2] == ["id", "name"]
    assert len(list(statement.excluded)) == len(statement.excluded.keys())
    await Author.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        await session.execute(statement.values(id=1, name="Ada"))
        taken = {name: column for name, column in statement.excluded.items() if name != "id"}
        again = statement.values(id=1, name="Bea").on_conflict_do_update(index_elements=["id"], set_=taken)
        await session.execute(again)
        assert await session.scalar(select(Author.name)) == "Bea"
        await session.rollback()
