"""Expressions over a `TypeDecorator`, an enum by name and a plain column: the rows that SQLAlchemy reads, finds and writes.

Where SQLAlchemy binds a plain value beside such expressions with the value's own type (a branch of `case()`, an argument of
`coalesce()`), ormkit makes the column's value of it: those are in `test_conversions.py`.
"""

from __future__ import annotations

import enum
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import sqlalchemy
import sqlalchemy.orm

import ormkit


class Letter(enum.Enum):
    A = "first"
    B = "second"


def declared(module: Any, orm: Any, letters: Any) -> SimpleNamespace:
    """The same model in either library."""

    class Cents(module.TypeDecorator):  # type: ignore[misc]
        impl = module.Numeric(12, 2)
        cache_ok = True

        def process_bind_param(self, value: Any, dialect: Any) -> Any:
            return None if value is None else Decimal(value) / 100

        def process_result_value(self, value: Any, dialect: Any) -> Any:
            return None if value is None else int(value * 100)

    class Reversed(module.TypeDecorator):  # type: ignore[misc]
        impl = module.String(20)
        cache_ok = True

        def process_bind_param(self, value: Any, dialect: Any) -> Any:
            return None if value is None else value[::-1]

        def process_result_value(self, value: Any, dialect: Any) -> Any:
            return None if value is None else value[::-1]

    class Base(orm.DeclarativeBase):  # type: ignore[misc]
        pass

    class Bill(Base):
        __tablename__ = "bills"
        id = orm.mapped_column(module.Integer, primary_key=True)
        cents = orm.mapped_column(Cents, nullable=True)
        text = orm.mapped_column(Reversed, nullable=True)
        letter = orm.mapped_column(letters, nullable=True)
        number = orm.mapped_column(module.Integer, nullable=True)

    return SimpleNamespace(Base=Base, Bill=Bill, q=module, aliased=orm.aliased)


def ours() -> SimpleNamespace:
    return declared(ormkit, ormkit, ormkit.Enum(Letter, by="name", name="letter"))


def theirs() -> SimpleNamespace:
    return declared(sqlalchemy, sqlalchemy.orm, sqlalchemy.Enum(Letter, name="letter"))


ROWS: list[dict[str, Any]] = [
    {"id": 1, "cents": 150, "text": "abc", "letter": Letter.A, "number": 2},
    {"id": 2, "cents": 275, "text": "abd", "letter": Letter.B, "number": 3},
    {"id": 3, "cents": None, "text": None, "letter": None, "number": None},
]


def values(m: SimpleNamespace) -> dict[str, Any]:
    """What is selected of each row."""
    bill, func, case, select = m.Bill, m.q.func, m.q.case, m.q.select
    first, last = bill.id == 1, bill.id == 2
    made: dict[str, Any] = {}
    for name in ("cents", "text", "letter"):
        column, other = getattr(bill, name), m.aliased(bill)
        there = getattr(other, name)
        made |= {
            f"{name}": column,
            f"{name} case": case((first, column)),
            f"{name} case with else": case((first, column), else_=m.q.null()),
            f"{name} case twice": case((last, column), (first, column)),
            f"{name} coalesce": func.coalesce(column, column),
            f"{name} max": select(func.max(there)).scalar_subquery(),
            f"{name} min": select(func.min(there)).scalar_subquery(),
            f"{name} scalar": select(there).where(other.id == 1).scalar_subquery(),
            f"{name} subquery": select(select(there.label("x")).where(other.id == 1).subquery().c.x).scalar_subquery(),
            f"{name} max over": func.max(column).over(),
        }
    return made | {
        "+": bill.cents + 100,
        "+ from behind": 100 + bill.cents,
        "-": bill.cents - 100,
        "- from behind": 1000 - bill.cents,
        "+ column": bill.cents + bill.cents,
        "* column": bill.cents * bill.number,
        "column *": bill.number * bill.cents,
        "* literal": bill.cents * m.q.literal(2),
        "negative": -bill.cents,
        "operator": bill.cents.op("+")(100),
        "sum": select(func.sum(m.aliased(bill).cents)).scalar_subquery(),
        "sum over": func.sum(bill.cents).over(),
        "case of a sum": case((first, bill.cents + 1)),
        "text +": bill.text + "xy",
        "+ text": "xy" + bill.text,
    }


def conditions(m: SimpleNamespace) -> dict[str, Any]:
    """What rows are looked for by."""
    bill, func, case, select, other = m.Bill, m.q.func, m.q.case, m.q.select, m.aliased(m.Bill)
    made: dict[str, Any] = {}
    for name, value in (("cents", 150), ("text", "abc"), ("letter", Letter.A)):
        column, there = getattr(bill, name), getattr(other, name)
        scalar = select(there).where(other.id == 1).scalar_subquery()
        made |= {
            f"{name} case": case((bill.id < 3, column)) == value,
            f"{name} case in": case((bill.id < 3, column)).in_([value]),
            f"{name} case !=": case((bill.id < 3, column)) != value,
            f"{name} coalesce": func.coalesce(column, column) == value,
            f"{name} scalar": scalar == value,
            f"{name} beside a subquery": column == scalar,
            f"{name} min": select(func.min(there)).scalar_subquery() == value,
        }
    return made | {
        "+": bill.cents + 100 > 250,
        "- from behind": 1000 - bill.cents == 725,
        "sum": select(func.sum(other.cents)).scalar_subquery() == 425,
        "between": case((bill.id < 3, bill.cents)).between(100, 200),
        "text +": bill.text + "xy" == "xyabc",
    }


def writes(m: SimpleNamespace) -> dict[str, Any]:
    """What columns are set to."""
    bill, func, case, select, other = m.Bill, m.q.func, m.q.case, m.q.select, m.aliased(m.Bill)
    return {
        "+": {"cents": bill.cents + 100},
        "- from behind": {"cents": 1000 - bill.cents},
        "case": {"cents": case((bill.id == 1, bill.cents + 7), else_=bill.cents)},
        "scalar": {"letter": select(other.letter).where(other.id == 2).scalar_subquery()},
        "coalesce": {"text": func.coalesce(bill.text + "x", bill.text)},
        "sum": {"cents": select(func.sum(other.cents)).scalar_subquery()},
        "number": {"number": bill.number * 2},
    }


def stored(rows: Any) -> list[Any]:
    """Rows as the database has them: decimals by value."""
    return [tuple(float(cell) if isinstance(cell, Decimal) else cell for cell in row) for row in rows]


async def of_ormkit(url: str) -> dict[str, Any]:
    m = ours()
    found: dict[str, Any] = {}
    async with ormkit.create_engine(url) as engine:
        await m.Base.metadata.create_all(engine)
        async with ormkit.AsyncSession(engine) as session:
            await session.insert_all([m.Bill(**row) for row in ROWS])
            for label, made in values(m).items():
                found[f"read {label}"] = (
                    await session.scalars(ormkit.select(made).select_from(m.Bill).order_by(m.Bill.id))
                ).all()
            for label, made in conditions(m).items():
                rows = ormkit.select(m.Bill.id).where(made).order_by(m.Bill.id)
                found[f"where {label}"] = (await session.scalars(rows)).all()
            for label, made in writes(m).items():
                await session.execute(ormkit.update(m.Bill).where(m.Bill.id < 3).values(made))
                result = await session.execute(ormkit.text("SELECT * FROM bills ORDER BY id"))
                found[f"write {label}"] = stored(result.all())
                await session.rollback()
    return found


def of_sqlalchemy(url: str) -> dict[str, Any]:
    m = theirs()
    found: dict[str, Any] = {}
    engine = sqlalchemy.create_engine(url.replace("postgres://", "postgresql://").replace("ql://", "ql+psycopg://"))
    with sqlalchemy.orm.Session(engine) as session:
        for label, made in values(m).items():
            found[f"read {label}"] = session.scalars(
                sqlalchemy.select(made).select_from(m.Bill).order_by(m.Bill.id)
            ).all()
        for label, made in conditions(m).items():
            rows = sqlalchemy.select(m.Bill.id).where(made).order_by(m.Bill.id)
            found[f"where {label}"] = session.scalars(rows).all()
        for label, made in writes(m).items():
            statement = sqlalchemy.update(m.Bill).where(m.Bill.id < 3).values(made)
            session.execute(statement, execution_options={"synchronize_session": False})
            found[f"write {label}"] = stored(session.execute(sqlalchemy.text("SELECT * FROM bills ORDER BY id")))
            session.rollback()
    engine.dispose()
    return found


async def test_expressions_are_read_found_and_written_as_by_sqlalchemy(postgres_url: str, sqlite_url: str) -> None:
    postgres, sqlite = await of_ormkit(postgres_url), await of_ormkit(sqlite_url)
    others = of_sqlalchemy(postgres_url)
    assert {label: (found, others[label]) for label, found in postgres.items() if found != others[label]} == {}
    # What the database has of decimals is a text there.
    answers = {label: found for label, found in sqlite.items() if not label.startswith("write ")}
    assert {label: (found, others[label]) for label, found in answers.items() if found != others[label]} == {}
