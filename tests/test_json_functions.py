"""`json_dumps` and `json_loads`: functions of the user's for every JSON value between Python and the database."""

import json
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

import pytest

from ormkit import (
    JSON,
    AsyncSession,
    DataError,
    DeclarativeBase,
    Mapped,
    create_async_engine,
    create_engine,
    create_pool,
    mapped_column,
    select,
)

WHEN = datetime(2024, 5, 6, 7, 8, 9, tzinfo=timezone.utc)


class Base(DeclarativeBase):
    __abstract__ = True


class Doc(Base):
    __tablename__ = "docs"
    id: Mapped[int] = mapped_column(primary_key=True)
    body: Mapped[Any] = mapped_column(JSON)


def dumps(value: Any) -> str:
    return json.dumps(value, default=lambda it: {"$": type(it).__name__, "v": str(it)})


def loads(text: str) -> Any:
    def hook(it: dict[str, Any]) -> Any:
        match it:
            case {"$": "datetime", "v": v}:
                return datetime.fromisoformat(v)
            case {"$": "Decimal", "v": v}:
                return Decimal(v)
        return it

    return json.loads(text, object_hook=hook)


@pytest.fixture
async def engine(url):
    async with create_engine(url, json_dumps=dumps, json_loads=loads) as engine:
        await Base.metadata.create_all(engine)
        yield engine


@pytest.fixture
def postgres(engine):
    if not engine.is_postgres():
        pytest.skip("SQLite has no type of JSON")
    return engine


async def stored(engine) -> list[Any]:
    cast = "body::text" if engine.is_postgres() else "body"
    rows = await engine.execute(f"SELECT {cast} AS body FROM docs ORDER BY id")
    return [text and json.loads(text) for text in rows.scalars()]


async def test_objects_are_written_and_read_by_the_functions(engine):
    async with AsyncSession(engine) as session:
        session.add(Doc(body={"when": WHEN, "many": [Decimal("1.50")]}))
        await session.commit()
    assert await stored(engine) == [
        {"when": {"$": "datetime", "v": str(WHEN)}, "many": [{"$": "Decimal", "v": "1.50"}]}
    ]
    async with AsyncSession(engine) as session:
        doc = await session.get(Doc, 1)
    assert doc.body == {"when": WHEN, "many": [Decimal("1.50")]}  # decoded when the session is gone


async def test_changes_in_place_are_noticed(engine):
    async with AsyncSession(engine) as session:
        doc = Doc(body={"when": WHEN})
        session.add(doc)
        await session.commit()
        doc.body["when"] = WHEN.replace(year=2030)
        await session.commit()
    async with AsyncSession(engine) as session:
        doc = await session.get(Doc, 1)
        assert doc.body["when"].year == 2030
        doc.body["more"] = Decimal(7)
        await session.commit()
        session.expunge(doc)
        assert (await session.get(Doc, 1)).body == {"when": WHEN.replace(year=2030), "more": Decimal(7)}


async def test_looked_at_and_unchanged_is_not_written(engine):
    async with AsyncSession(engine) as session:
        session.add(Doc(body={"a": 1, "b": WHEN}))
        await session.commit()
    async with AsyncSession(engine) as session:
        doc = await session.get(Doc, 1)
        assert doc.body["a"] == 1
        assert doc not in session.dirty
        doc.body = {"a": 1, "b": WHEN}
        assert doc not in session.dirty


async def test_rollback_gives_values_back_that_json_alone_cannot_hold(engine):
    async with AsyncSession(engine) as session:
        doc = Doc(body={"when": WHEN})
        session.add(doc)
        await session.commit()
        doc.body["when"] = None
        await session.flush()
        await session.rollback()
        assert doc.body == {"when": WHEN}


async def test_conditions_and_columns_go_through_the_functions(engine):
    async with AsyncSession(engine) as session:
        session.add_all([Doc(body={"when": WHEN}), Doc(body=[Decimal(2)]), Doc(body="text")])
        await session.commit()
        found = await session.execute(select(Doc.body).where(Doc.body == {"when": WHEN}))
        assert found.scalars().all() == [{"when": WHEN}]
        found = await session.execute(select(Doc.id).where(Doc.body.in_([[Decimal(2)], "text"])).order_by("id"))
        assert found.scalars().all() == [2, 3]


async def test_a_statement_is_shown_with_its_values_as_they_are(engine):
    _, params = select(Doc).where(Doc.body == {"when": WHEN}).to_sql()
    assert params == [{"when": WHEN}]
    async with engine.connect() as connection:
        rows = await connection.execute(select(Doc.id).where(Doc.body == {"when": WHEN}))
        assert rows.all() == []


async def test_parameters_of_sql_are_written_by_dumps(engine):
    insert = "INSERT INTO docs (body) VALUES ($1)" if engine.is_postgres() else "INSERT INTO docs (body) VALUES (?)"
    values = [{"when": WHEN}, [Decimal(1), [2]], [{"a": WHEN}], [], (Decimal(3), WHEN)]
    await engine.execute(insert, [values[0]])
    await engine.execute_many(insert, [[value] for value in values[1:]])
    assert await stored(engine) == json.loads(dumps(values))
    async with engine.connect() as connection:
        await connection.execute(insert, [[WHEN]])
        await connection.commit()
    assert (await stored(engine))[-1] == json.loads(dumps([WHEN]))


async def test_lists_are_arrays_where_the_server_asks_for_them(postgres):
    rows = await postgres.execute(
        "SELECT $1::int[] AS a, $2::jsonb[] AS b, $3::jsonb AS c", [[1, 2], [{"w": WHEN}], [WHEN]]
    )
    assert rows.one() == {"a": [1, 2], "b": [{"w": WHEN}], "c": [WHEN]}


async def test_json_inside_of_composites_goes_through_the_functions(postgres):
    await postgres.execute("CREATE TYPE pair AS (n int, j jsonb)")
    await postgres.execute("CREATE TABLE pairs (p pair, ps pair[])")
    one, two = (1, {"w": WHEN}), (2, [Decimal("0.5"), WHEN])
    await postgres.execute("INSERT INTO pairs VALUES ($1, $2)", [one, [one, two]])
    row = (await postgres.execute("SELECT p, ps FROM pairs")).one()
    assert row == {"p": one, "ps": [one, two]}


async def test_copy_goes_through_the_functions(postgres):
    await postgres.copy_from("docs", [(7, {"w": WHEN}), (8, [Decimal(1)])], columns=["id", "body"])
    rows = [row async for row in postgres.copy_to("docs", columns=["id", "body"])]
    assert sorted(rows, key=lambda row: row[0]) == [(7, {"w": WHEN}), (8, [Decimal(1)])]


async def test_streams_go_through_loads(postgres):
    await postgres.execute("INSERT INTO docs (body) VALUES ($1)", [[WHEN]])
    async with postgres.stream("SELECT body FROM docs") as rows:
        assert [row async for row in rows] == [{"body": [WHEN]}]


def fail(_: Any) -> Any:
    raise RuntimeError("secret")


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (fail, "json_dumps raised RuntimeError"),
        (lambda _: 7, "json_dumps returned a value of type int, not str or bytes"),
        (lambda _: b"\xff", "json_dumps returned bytes that are not UTF-8"),
        (lambda _: "{", "json_dumps returned text that is no JSON"),
        (lambda _: '"\ud800"', "lone surrogate"),
    ],
)
async def test_a_failing_dumps_sends_nothing(url, made, says):
    async with create_engine(url, json_dumps=made) as engine:
        await Base.metadata.create_all(engine)
        async with AsyncSession(engine) as session:
            session.add(Doc(body={"a": 1}))
            with pytest.raises(DataError, match=says) as caught:
                await session.flush()
            assert "Doc.body" in str(caught.value)
            assert "secret" not in str(caught.value)
            await session.rollback()
            with pytest.raises(DataError, match=rf"Doc\.body.*{says}"):
                await session.execute(select(Doc).where(Doc.body == {"a": 1}))
        place = "$1" if engine.is_postgres() else "?"
        with pytest.raises(DataError, match=says) as caught:
            await engine.execute(f"INSERT INTO docs (body) VALUES ({place})", [{"a": 1}])
        if made is fail:
            assert isinstance(caught.value.__cause__, RuntimeError)
        assert await stored(engine) == []


async def test_a_failing_loads_names_the_column(url):
    async with create_engine(url, json_loads=fail) as engine:
        await Base.metadata.create_all(engine)
        async with AsyncSession(engine) as session:
            session.add(Doc(body=[1]))
            await session.commit()
        async with AsyncSession(engine) as session:
            doc = await session.get(Doc, 1)
            with pytest.raises(DataError, match=r"Doc\.body.*json_loads raised RuntimeError") as caught:
                doc.body  # noqa: B018
            assert isinstance(caught.value.__cause__, RuntimeError)
            with pytest.raises(DataError, match=r"Doc\.body"):
                await session.execute(select(Doc.body))
        if engine.is_postgres():
            rows = await engine.execute("SELECT body FROM docs")
            with pytest.raises(DataError, match="body"):
                rows.all()


async def test_each_engine_has_its_own_functions(url):
    async with create_pool(url, json_loads=lambda text: ("own", text)) as own, create_engine(url) as plain:
        await Base.metadata.create_all(own)
        async with AsyncSession(own) as session:
            session.add(Doc(body=[1]))
            await session.commit()
        async with AsyncSession(plain) as session:
            assert (await session.get(Doc, 1)).body == [1]
        async with AsyncSession(own) as session:
            assert (await session.get(Doc, 1)).body == ("own", "[1]")


async def test_sqlalchemys_names_are_understood(url):
    async with create_async_engine(url, json_serializer=dumps, json_deserializer=loads) as engine:
        await Base.metadata.create_all(engine)
        async with AsyncSession(engine) as session:
            session.add(Doc(body=[WHEN]))
            await session.commit()
        async with AsyncSession(engine) as session:
            assert (await session.get(Doc, 1)).body == [WHEN]


async def test_what_is_no_function_is_refused():
    async def late(_: Any) -> str:
        return ""

    with pytest.raises(TypeError, match="json_dumps must be a callable, not int"):
        create_engine("sqlite::memory:", json_dumps=1)
    with pytest.raises(TypeError, match="json_loads must not be async"):
        create_engine("sqlite::memory:", json_loads=late)
