"""SQLAlchemy's side of `twins.py`, and Alembic's, in a process of its own: two copies of SQLite in one process on one file lose data.

Reads a line of JSON for each request, and answers with one.
"""

from __future__ import annotations

import json
import subprocess
import sys
import traceback
import warnings
from typing import Any

Spec = dict[str, Any]


class Worker:
    """The process, as a test has it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def ask(self, what: str, url: str, world: Spec) -> Any:
        """`make`: from nothing, by the revision that Alembic writes. `move`: as that, from what is there. `create`: by `create_all`.
        `compare`: what Alembic would do."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps([what, url, world]) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        assert "error" not in answer, answer["error"]
        return answer["answer"]

    def close(self) -> None:
        self._process.communicate(timeout=10)


def timing(word: str | None) -> dict[str, Any]:
    """The keywords of when a constraint is checked: both libraries call them the same."""
    if word is None:
        return {}
    return {"deferrable": True} if word == "deferrable" else {"deferrable": True, "initially": "DEFERRED"}


def metadata(world: Spec, postgres: bool) -> Any:
    """The tables as SQLAlchemy's."""
    import sqlalchemy as sa
    from sqlalchemy.dialects import postgresql as pg

    def type_of(column: Spec) -> Any:
        name = column["type"]
        if name.startswith("array("):
            return pg.ARRAY(type_of({**column, "type": name[6:-1]}))
        if name == "enum":
            kind = column["enum"]
            return pg.ENUM(*kind["labels"], name=kind["name"], schema=kind["schema"])
        types: dict[str, Any] = {
            "integer": sa.Integer,
            "bigint": sa.BigInteger,
            "smallint": sa.SmallInteger,
            "string(10)": lambda: sa.String(10),
            "string(40)": lambda: sa.String(40),
            "text": sa.Text,
            "numeric(10,2)": lambda: sa.Numeric(10, 2),
            "numeric(12,4)": lambda: sa.Numeric(12, 4),
            "double": sa.Double,
            "boolean": sa.Boolean,
            "date": sa.Date,
            "datetime": sa.DateTime,
            "datetimetz": lambda: sa.DateTime(timezone=True),
            "time": sa.Time,
            "interval": sa.Interval,
            "binary": sa.LargeBinary,
            "uuid": sa.Uuid,
            "json": pg.JSONB,
            "inet": pg.INET,
            "cidr": pg.CIDR,
            "macaddr": pg.MACADDR,
            "bit(4)": lambda: pg.BIT(4),
            "tsvector": pg.TSVECTOR,
            "int4range": pg.INT4RANGE,
            "numrange": pg.NUMRANGE,
            "tstzrange": pg.TSTZRANGE,
        }
        return types[name]()

    def ordered(term: Any, order: str | None) -> Any:
        if order is None:
            return term
        made = sa.desc(term) if order.startswith("desc") else sa.asc(term)
        if order.endswith("last"):
            return sa.nulls_last(made)
        return sa.nulls_first(made) if order.endswith("first") else made

    def default_of(given: str | None) -> Any:
        # Alembic's comparison breaks at a quote in a plain text.
        if given is None:
            return None
        return sa.text(
            (given[1:] if given.startswith("=") else "'" + given.replace("'", "''") + "'").replace(":", "\\:")
        )

    made = sa.MetaData()
    for table in world["tables"]:
        columns: list[Any] = []
        for column in table["columns"]:
            extra: list[Any] = []
            identity, computed = column.get("identity"), column.get("computed")
            if identity and postgres:
                extra.append(sa.Identity(**identity))
            if computed:
                extra.append(sa.Computed(computed["sql"], persisted=computed["persisted"]))
            is_key = column["name"] in table["key"]
            columns.append(
                sa.Column(
                    column["name"],
                    type_of(column),
                    *extra,
                    primary_key=is_key,
                    autoincrement=bool(identity) if is_key else "auto",
                    nullable=False if is_key else column["nullable"],
                    server_default=default_of(column.get("default")),
                    comment=column["comment"],
                )
            )
        known = {column.name: column for column in columns}
        parts: list[Any] = []
        for one in table["uniques"]:
            options = {"postgresql_nulls_not_distinct": True} if one.get("nulls_not_distinct") else {}
            parts.append(sa.UniqueConstraint(*one["columns"], name=one["name"], **options, **timing(one.get("timing"))))
        parts += [sa.CheckConstraint(one["sql"], name=one["name"]) for one in table["checks"]]
        for one in table["keys"]:
            target = one["table"] if one["schema"] is None else f"{one['schema']}.{one['table']}"
            options = {name: one[name] for name in ("name", "ondelete", "onupdate", "match")}
            refs = [f"{target}.{ref}" for ref in one["refs"]]
            parts.append(sa.ForeignKeyConstraint(one["columns"], refs, **options, **timing(one["timing"])))
        for one in table["excludes"]:
            where = None if one["where"] is None else sa.text(one["where"])
            element = (sa.column(one["column"]), one["operator"])
            parts.append(pg.ExcludeConstraint(element, name=one["name"], where=where, **timing(one["timing"])))
        for one in table["indexes"]:
            terms = [
                sa.text(part["sql"]) if "sql" in part else ordered(known[part["column"]], part.get("order"))
                for part in one["parts"]
            ]
            options = {f"postgresql_{name}": one[name] for name in ("using", "include", "ops", "with") if name in one}
            if one.get("nulls_not_distinct"):
                options["postgresql_nulls_not_distinct"] = True
            if "where" in one:
                options |= {"postgresql_where": sa.text(one["where"]), "sqlite_where": sa.text(one["where"])}
            parts.append(sa.Index(one["name"], *terms, unique=one["unique"], **options))
        sa.Table(table["name"], made, *columns, *parts, schema=table["schema"], comment=table["comment"])
    return made


def answer(what: str, url: str, world: Spec) -> Any:
    import sqlalchemy as sa
    from alembic.autogenerate import compare_metadata, produce_migrations, render_python_code
    from alembic.migration import MigrationContext
    from alembic.operations import Operations

    postgres = not url.startswith("sqlite")
    target = metadata(world, postgres)
    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"), poolclass=sa.NullPool)
    options = {
        "compare_type": postgres,
        "compare_server_default": postgres,
        "target_metadata": target,
        "include_schemas": True,
    }
    with engine.begin() as connection:
        if postgres and what != "compare":
            names = {table["schema"] for table in world["tables"]} - {None}
            names |= {one["enum"]["schema"] for t in world["tables"] for one in t["columns"] if "enum" in one} - {None}
            for name in sorted(names):
                connection.execute(sa.text(f'CREATE SCHEMA IF NOT EXISTS "{name}"'))
        if what == "create":
            target.create_all(connection)
            return None
        context = MigrationContext.configure(connection, opts=options)
        if what == "compare":
            return [differs for one in compare_metadata(context, target) for differs in _plain(one)]
        made = produce_migrations(context, target)
        code = render_python_code(made.upgrade_ops, migration_context=context)
        body = f"def upgrade():\n    pass\n{code}" if code.startswith("    ") else f"def upgrade():\n{_indented(code)}"
        from sqlalchemy.dialects import postgresql

        scope: dict[str, Any] = {"op": Operations(context), "sa": sa, "postgresql": postgresql}
        exec(body, scope)
        scope["upgrade"]()
        return code


def _indented(code: str) -> str:
    first, _, rest = code.partition("\n")
    return f"    {first}\n{rest}"


def _plain(found: Any) -> list[list[str | None]]:
    """What Alembic found as verb, table and column, in the words of ormkit's steps."""
    if isinstance(found, list):
        return [["alter_column", _called(one[1], one[2]), one[3]] for one in found]
    verb, *rest = found
    words = {
        "add_table": "create_table",
        "remove_table": "drop_table",
        "add_index": "create_index",
        "remove_index": "drop_index",
        "add_fk": "create_foreign_key",
        "remove_fk": "drop_constraint",
        "add_constraint": "create_unique_constraint",
        "remove_constraint": "drop_constraint",
        "add_table_comment": "create_table_comment",
        "remove_table_comment": "drop_table_comment",
    }
    if verb in ("add_column", "remove_column"):
        return [["add_column" if verb == "add_column" else "drop_column", _called(rest[0], rest[1]), rest[2].name]]
    table = rest[0] if "table" in verb else rest[0].parent if verb in ("add_fk", "remove_fk") else rest[0].table
    return [[words[verb], _called(table.schema, table.name), None]]


def _called(schema: str | None, name: str) -> str:
    return name if schema is None else f"{schema}.{name}"


def main() -> None:
    warnings.simplefilter("ignore")
    for line in sys.stdin:
        try:
            reply = {"answer": answer(*json.loads(line))}
        except Exception:
            reply = {"error": traceback.format_exc()}
        print(json.dumps(reply), flush=True)


if __name__ == "__main__":
    main()
