"""Words of SQLAlchemy, Django and of drivers that have another form here: the error says which."""

from __future__ import annotations

import copy
import pickle

import pytest

from ormkit import (
    JSON,
    JSONB,
    AsyncSession,
    Base,
    Boolean,
    FieldError,
    Float,
    ForeignKey,
    LargeBinary,
    Mapped,
    MetaData,
    Numeric,
    Text,
    Unsupported,
    Uuid,
    create_engine,
    func,
    insert,
    inspect,
    mapped_column,
    relationship,
    select,
    text,
    update,
)


class Worded(Base):
    metadata = MetaData()

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    above_id: Mapped[int | None] = mapped_column(ForeignKey("wordeds.id"))
    above: Mapped[Worded | None] = relationship(remote_side="Worded.id")


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
            "session": session,
            "connection": connection,
            "table": Worded.__table__,
            "attribute": Worded.name,
            "column": Worded.__columns__["name"],
            "relation": Worded.__relationships__["above"],
            "mapper": inspect(Worded),
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
        ("result", "dicts", "write mappings()"),
        ("scalars", "fetchone", "write first(), or iterate"),
        ("answer", "fetchval", "write scalar()"),
        ("session", "run_sync", "write what the function does, with await"),
        ("session", "bulk_insert_mappings", "write await session.execute(insert(Model), rows)"),
        ("session", "expunge_al", "did you mean `expunge_all`?"),
        ("object", "awaitable_attrs", "write class Base(AsyncAttrs, DeclarativeBase)"),
        ("engine", "pool", "write engine.status()"),
        ("connection", "execution_options", "write engine.execution_options(..)"),
        ("engine", "fetch", "write (await engine.execute(sql, params)).all()"),
        ("engine", "raw_connection", "write async with engine.connect() as connection"),
        ("table", "insert", "write insert(table)"),
        ("table", "indexes", "write await engine.get_indexes(table.name)"),
        ("column", "type", "write column.sql_type()"),
        ("column", "nulable", "did you mean `nullable`?"),
        ("relation", "argument", "write relation.target"),
        ("mapper", "get_property", "write attrs[name]"),
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


@pytest.mark.parametrize(
    ("attribute", "word", "instead"),
    [
        (Worded.name, "nullable", 'Worded.__columns__["name"].nullable'),
        (Worded.name, "type", 'Worded.__columns__["name"].sql_type()'),
        (Worded.name, "property", 'Worded.__columns__["name"]'),
        (Worded.above, "property", 'Worded.__relationships__["above"]'),
        (Worded.above, "mapper", 'Worded.__relationships__["above"].mapper'),
        (Worded.__table__.c.name, "table", "Worded.__table__"),
    ],
)
def test_attributes_say_who_tells_of_them(attribute, word, instead):
    with pytest.raises(AttributeError) as caught:
        getattr(attribute, word)
    assert str(caught.value).endswith(f"has no attribute '{word}': write {instead}")
    assert eval(instead) is not None


def test_relations_lead_to_what_the_other_end_maps():
    assert inspect(Worded).relationships["above"].mapper.class_ is Worded


def test_attributes_name_the_nearest_method():
    with pytest.raises(AttributeError, match="did you mean `is_not`"):
        Worded.name.is_nt  # noqa: B018


async def test_calls_of_the_older_query_say_what_to_write(things):
    session = things["session"]
    for wrong in ((Worded.id, Worded.name), (Worded.id,), (func.count(Worded.id),), (Worded, Worded)):
        with pytest.raises(TypeError, match="takes a mapped class.*values_list.*select"):
            session.query(*wrong)
    with pytest.raises(TypeError, match=r"update\(age=9\)"):
        session.query(Worded).update({"name": "x"})


async def test_dialect_is_a_text_that_knows_its_name(things):
    engine, connection = things["engine"], things["connection"]
    assert engine.dialect == engine.dialect.name == engine.name == connection.dialect.name == "sqlite"
    assert isinstance(engine.dialect, str) and f"{engine.dialect}" == "sqlite"
    for same in (copy.copy(engine.dialect), copy.deepcopy(engine.dialect), pickle.loads(pickle.dumps(engine.dialect))):
        assert (type(same), same) == (str, "sqlite")
    assert connection.engine.status().size == engine.status().size


async def test_connections_answer_single_values(things):
    connection = things["connection"]
    await connection.execute(insert(Worded), [{"name": "a"}, {"name": "b"}])
    assert await connection.scalar(select(func.count()).select_from(Worded)) == 2
    assert (await connection.scalars(select(Worded.name).order_by(Worded.id))).all() == ["a", "b"]
    assert await connection.scalar("SELECT name FROM wordeds WHERE id = :id", {"id": 9}) is None
    await connection.rollback()


async def test_options_may_stand_beside_the_statement(things):
    session = things["session"]
    one = await session.insert(Worded(name="a"))
    await session.execute(update(Worded).values(name="b"), execution_options={"synchronize_session": "fetch"})
    assert one.name == "b"
    found = await session.scalars(select(Worded), execution_options={"populate_existing": True})
    assert found.all() == [one]
    assert await session.scalar(select(Worded.name), execution_options={}) == "b"
    with pytest.raises(FieldError, match="did you mean `populate_existing`"):
        await session.execute(select(Worded), execution_options={"populate_exist": True})
    await session.rollback()
    await session.remove(one)


def test_arguments_of_types_that_change_nothing_are_understood():
    for made, told in (
        (Uuid(as_uuid=True), "Uuid()"),
        (Text(500), "Text()"),
        (LargeBinary(length=100), "LargeBinary()"),
        (Float(precision=2), "Float()"),
        (Boolean(create_constraint=True, name="is"), "Boolean()"),
        (JSONB(astext_type=Text()), "JSON()"),
        (Numeric(10, 2, asdecimal=True), "Numeric(10, 2)"),
    ):
        assert repr(made) == told
    for make, instead in (
        (lambda: Uuid(as_uuid=False), "str"),
        (lambda: Float(asdecimal=True), "use Numeric"),
        (lambda: Numeric(10, 2, asdecimal=False), "use Float"),
        (lambda: JSON(none_as_null=False), "JSON.NULL"),
    ):
        with pytest.raises(Unsupported, match=instead):
            make()
