"""Words of SQLAlchemy, Django and of drivers that have another form here: the error says which."""

from __future__ import annotations

import copy
import pickle

import pytest

from ormkit import AsyncSession, Base, Mapped, MetaData, create_engine, insert, mapped_column, select, text


class Worded(Base):
    metadata = MetaData()

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


@pytest.fixture
async def things():
    async with (
        create_engine("sqlite::memory:") as engine,
        engine.connect() as connection,
        AsyncSession(engine) as session,
    ):
        await Worded.metadata.create_all(engine)
        yield {
            "class": Worded,
            "object": Worded(name="x"),
            "query": session.query(Worded),
            "rows": session.query(Worded).values("name"),
            "select": select(Worded),
            "insert": insert(Worded),
            "result": await session.execute(select(Worded)),
            "scalars": await session.scalars(select(Worded)),
            "answer": await engine.execute("SELECT 1"),
            "engine": engine,
            "connection": connection,
            "table": Worded.__table__,
        }


@pytest.mark.parametrize(
    ("thing", "word", "text"),
    [
        ("class", "objects", "write session.query(Worded)"),
        ("class", "query", "write session.query(Worded)"),
        ("class", "nmae", "did you mean `name`?"),
        ("object", "save", "write await session.insert(it) when it is new"),
        ("object", "refresh_from_db", "write await session.refresh(it)"),
        ("object", "nmae", "did you mean `name`?"),
        ("query", "create", "write await session.insert(Model(..))"),
        ("query", "latest", 'write await query.order_by("-field").first()'),
        ("query", "afirst", "write first, which is awaited"),
        ("query", "fitler", "did you mean `filter`?"),
        ("rows", "dates", "write select(extract("),
        ("select", "all", "write (await session.scalars(statement)).all()"),
        ("select", "compile", "write statement.to_sql("),
        ("select", "wehre", "did you mean `where`?"),
        ("insert", "execute", "write await session.execute(statement)"),
        ("insert", "retruning", "did you mean `returning`?"),
        ("result", "fetchall", "write all()"),
        ("scalars", "fetchone", "write first(), or iterate"),
        ("answer", "fetchval", "write scalar()"),
        ("engine", "fetch", "write (await engine.execute(sql, params)).all()"),
        ("engine", "raw_connection", "write async with engine.connect() as connection"),
        ("table", "insert", "write insert(table)"),
        ("connection", "fetchrow", "write (await connection.execute(sql, params)).first()"),
    ],
)
async def test_the_error_says_what_to_write(things, thing, word, text):
    with pytest.raises(AttributeError) as caught:
        getattr(things[thing], word)
    assert text in str(caught.value)
    assert f"no attribute '{word}'" in str(caught.value) or f"no attribute `{word}`" in str(caught.value)
    assert not hasattr(things[thing], word)


async def test_what_python_asks_for_is_answered_plainly(things):
    for thing in things.values():
        with pytest.raises(AttributeError) as caught:
            thing.__no_such_protocol__  # noqa: B018
        assert "write" not in str(caught.value) and "mean" not in str(caught.value)
    assert copy.copy(things["object"]).name == "x"
    assert pickle.loads(pickle.dumps(things["object"])).name == "x"


async def test_legacy_names_of_operators(engine):
    await Worded.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        await session.insert_all([Worded(name=name) for name in "ba"])
        statement = select(Worded.name).where(Worded.name.isnot(None)).order_by(Worded.name.nullslast())
        assert (await session.scalars(statement)).all() == ["a", "b"]
        down = select(Worded.name).order_by(Worded.name.desc().nullsfirst())
        assert (await session.scalars(down)).all() == ["b", "a"]
        assert (await session.scalar(text("SELECT count(*) FROM wordeds"))) == 2
