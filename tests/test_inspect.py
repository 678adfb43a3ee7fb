"""What there is in a database, as records: the same words on both, on engines and on connections."""

import pytest
from counting import sent

from ormkit import FieldError, NotSupportedError


@pytest.fixture
async def shop(engine):
    await engine.execute("CREATE TABLE teams (id INTEGER PRIMARY KEY, name TEXT NOT NULL)")
    await engine.execute(
        "CREATE TABLE members (team_id INTEGER NOT NULL, number INTEGER NOT NULL, email TEXT DEFAULT 'none',"
        " CONSTRAINT members_key PRIMARY KEY (team_id, number), CONSTRAINT one_email UNIQUE (email),"
        " CONSTRAINT positive CHECK (number > 0),"
        " CONSTRAINT of_team FOREIGN KEY (team_id) REFERENCES teams (id) ON DELETE CASCADE)"
    )
    await engine.execute("CREATE UNIQUE INDEX ix_email ON members (lower(email), number) WHERE number > 1")
    return engine


async def test_tables_are_named_without_the_databases_own(shop):
    assert await shop.get_tables() == ["members", "teams"]


async def test_columns_tell_type_nullability_default_and_key(shop):
    columns = await shop.get_columns("members")
    assert [(c.name, c.data_type.lower(), c.nullable, c.is_primary_key) for c in columns] == [
        ("team_id", "integer", False, True),
        ("number", "integer", False, True),
        ("email", "text", True, False),
    ]
    assert columns[0].default is None
    assert columns[2].default.startswith("'none'")
    assert "email" in repr(columns[2])


async def test_indexes_tell_columns_expressions_and_condition(shop):
    (index,) = await shop.get_indexes("members")
    assert (index.name, index.columns, index.unique) == ("ix_email", ["lower(email)", "number"], True)
    assert (index.where, index.method, index.include) == ("number > 1", "btree", [])
    assert await shop.get_indexes("teams") == []


async def test_constraints_tell_kind_columns_and_what_they_refer_to(shop):
    constraints = {c.name: c for c in await shop.get_constraints("members")}
    kinds = {name: (c.constraint_type, c.columns) for name, c in constraints.items()}
    assert kinds == {
        "members_key": ("PRIMARY KEY", ["team_id", "number"]),
        "one_email": ("UNIQUE", ["email"]),
        "positive": ("CHECK", []),
        "of_team": ("FOREIGN KEY", ["team_id"]),
    }
    key = constraints["of_team"]
    assert (key.references_table, key.references_column, key.on_delete) == ("teams", "id", "CASCADE")
    assert constraints["positive"].expression == "number > 0"


async def test_table_info_has_all_of_it_and_connections_answer_the_same(shop):
    info = await shop.get_table_info("members")
    assert (info.name, info.schema, len(info.columns), len(info.constraints)) == ("members", None, 3, 4)
    async with shop.connect() as connection:
        await connection.execute("CREATE TABLE fresh (id INTEGER)")
        assert await connection.get_tables() == ["fresh", "members", "teams"]
        assert await connection.get_table_info("members") == info
        assert await connection.get_columns("members") == info.columns
        assert await connection.get_indexes("members") == info.indexes
        assert await connection.get_constraints("members") == info.constraints
    assert await shop.get_tables() == ["members", "teams"]


async def test_unknown_table_is_an_error_with_near_matches(shop):
    with pytest.raises(FieldError, match="did you mean `members`"):
        await shop.get_columns("member")


async def test_schemas_are_postgresqls(shop):
    if shop.is_sqlite():
        with pytest.raises(NotSupportedError, match="schemas on SQLite"):
            await shop.get_tables(schema="other")
        return
    name = (await shop.execute("SELECT current_schema()::text")).scalar()
    assert await shop.get_tables(schema=name) == ["members", "teams"]
    assert "pg_class" in await shop.get_tables(schema="pg_catalog")
    assert await shop.get_tables(schema="nowhere") == []


async def test_five_hundred_tables_take_as_many_statements_as_one(engine):
    async def read():
        return await engine.get_tables(), await engine.get_table_info("t0")

    await engine.execute("CREATE TABLE t0 (id INTEGER PRIMARY KEY, up INTEGER REFERENCES t0 (id))")
    with sent(engine) as few:
        names, info = await read()
    assert names == ["t0"]
    await engine.execute_script(
        "".join(
            f"CREATE TABLE t{at} (id INTEGER PRIMARY KEY, up INTEGER REFERENCES t{at - 1} (id), n TEXT UNIQUE);"
            f"CREATE INDEX ix_{at} ON t{at} (up, n);"
            for at in range(1, 500)
        )
    )
    with sent(engine) as many:
        names, again = await read()
    assert len(names) == 500
    assert many.statements == few.statements
    assert [column.name for column in again.columns] == [column.name for column in info.columns]
