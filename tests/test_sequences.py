"""Columns that a sequence numbers: PostgreSQL asks it, SQLite numbers a key that is an integer alone."""

import pytest
from alembic_run import alembic, make_folder

from ormkit import (
    AsyncSession,
    BigInteger,
    DeclarativeBase,
    InvalidRequestError,
    Mapped,
    Sequence,
    Unsupported,
    func,
    insert,
    mapped_column,
    select,
    text,
)
from ormkit.migrations import AlembicConfig, AutogenContext, recorded_schema
from ormkit.testing import assert_queries


class Base(DeclarativeBase):
    __abstract__ = True


class Ticket(Base):
    __tablename__ = "tickets"
    id: Mapped[int] = mapped_column(BigInteger, Sequence("ticket_numbers", start=100, increment=5), primary_key=True)
    title: Mapped[str]


class Other(DeclarativeBase):
    """PostgreSQL alone."""

    __abstract__ = True


class Order(Other):
    __tablename__ = "numbered_orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(Sequence("Order Numbers", 7, cycle=True, maxvalue=9))


class Bare(DeclarativeBase):
    __abstract__ = True


async def test_rows_are_numbered_and_the_numbers_read_back(engine):
    await Base.metadata.create_all(engine)
    await Base.metadata.create_all(engine)  # what is there is left as it is
    first, step = (100, 5) if engine.is_postgres() else (1, 1)
    async with AsyncSession(engine) as session:
        alone = Ticket(title="alone")
        session.add(alone)
        with assert_queries(1):
            await session.flush()
        assert alone.id == first
        many = [Ticket(title=f"{n}") for n in range(3)]
        session.add_all(many)
        with assert_queries(1):
            await session.flush()
        assert [ticket.id for ticket in many] == [first + step * n for n in (1, 2, 3)]
        given = Ticket(id=1000, title="given")
        session.add(given)
        await session.flush()
        by_statement = await session.scalars(insert(Ticket).values(title="values").returning(Ticket.id))
        number = by_statement.one()
        assert number == (first + step * 4 if engine.is_postgres() else 1001)
        rows = select(Ticket.title).where(Ticket.id < 1000)
        copied = await session.scalars(insert(Ticket).from_select(["title"], rows).returning(Ticket.id))
        assert len(set(copied.all()) - {1000, number}) == (5 if engine.is_postgres() else 4)
        await session.commit()


async def test_a_column_beside_the_key(postgres):
    await Other.metadata.create_all(postgres)
    async with AsyncSession(postgres) as session:
        orders = [Order() for _ in range(4)]
        session.add_all(orders)
        await session.commit()
        assert [order.number for order in orders] == [7, 8, 9, 1]
        session.add(Order(number=50))
        await session.commit()
        tickets = Sequence("by_hand")
        await session.execute(text("CREATE SEQUENCE by_hand START 3"))
        assert await session.scalar(select(func.nextval(tickets.name))) == 3
        await session.rollback()
    await Other.metadata.drop_all(postgres)
    assert (await postgres.execute("SELECT count(*) FROM pg_class WHERE relkind = 'S'")).scalar() == 0


async def test_sqlite_has_none(sqlite):
    with pytest.raises(Unsupported, match=r'Sequence\("Order Numbers"\) of column number.*default='):
        await Other.metadata.create_all(sqlite)


async def test_a_sequence_of_a_schema_goes_along_with_its_tables(postgres):
    await postgres.execute("CREATE SCHEMA tenant")
    tenant = postgres.execution_options(schema_translate_map={None: "tenant"})
    await Base.metadata.create_all(tenant)
    async with AsyncSession(tenant) as session:
        ticket = Ticket(title="a")
        session.add(ticket)
        await session.commit()
        assert ticket.id == 100
    found = await postgres.execute("SELECT schemaname || '.' || sequencename FROM pg_sequences")
    assert found.scalars() == ["tenant.ticket_numbers"]


async def steps(engine, *models):
    return [step.detail for step in await AutogenContext(engine, list(models)).diff()]


async def test_a_migration_makes_it_and_a_second_look_finds_nothing(postgres):
    found = await steps(postgres, Ticket, Order)
    assert "CREATE SEQUENCE ticket_numbers" in found
    assert "CREATE SEQUENCE Order Numbers" in found
    await Base.metadata.create_all(postgres)
    await Other.metadata.create_all(postgres)
    assert await steps(postgres, Ticket, Order) == []
    await postgres.execute('DROP SEQUENCE "Order Numbers"')
    assert await steps(postgres, Ticket, Order) == ["CREATE SEQUENCE Order Numbers"]


async def test_its_revision_goes_there_and_back_with_alembic(postgres, postgres_url, tmp_path):
    context = AutogenContext(postgres, [Ticket, Order])
    written = context.render_migration("numbers", await context.diff(), None, revision="1")
    assert "CREATE SEQUENCE ticket_numbers START WITH 100 INCREMENT BY 5" in written
    (make_folder(tmp_path) / "1.py").write_text(written)
    alembic(tmp_path, postgres_url, "upgrade", "head")
    assert await steps(postgres, Ticket, Order) == []
    (tmp_path / "alembic.ini").write_text("[alembic]\nscript_location = .\n")
    config = AlembicConfig.detect(tmp_path)
    assert config is not None
    async with recorded_schema(config, "postgresql") as recorded:
        assert await AutogenContext(recorded, [Ticket, Order]).diff() == []
    alembic(tmp_path, postgres_url, "downgrade", "base")
    assert "CREATE SEQUENCE ticket_numbers" in await steps(postgres, Ticket, Order)


async def test_the_sequence_of_a_serial_is_let_be(postgres):
    class Adopted(Bare):
        __tablename__ = "adopted"
        id: Mapped[int] = mapped_column(Sequence("adopted_id_seq"), primary_key=True)

    await postgres.execute("CREATE TABLE adopted (id serial PRIMARY KEY)")
    assert await steps(postgres, Adopted) == []
    async with AsyncSession(postgres) as session:
        one = Adopted()
        session.add(one)
        await session.commit()
        assert one.id == 1


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (lambda: mapped_column(Sequence("s"), server_default="1"), "without another default"),
        (lambda: mapped_column(Sequence("s"), default=1), "without another default"),
    ],
)
def test_two_sources_of_a_value_are_refused(made, says):
    with pytest.raises(InvalidRequestError, match=says):

        class Twice(Bare):
            __tablename__ = "twice"
            id: Mapped[int] = mapped_column(primary_key=True)
            number: Mapped[int] = made()


async def test_a_name_that_the_database_would_cut(postgres):
    class Long(Bare):
        __tablename__ = "long_numbers"
        id: Mapped[int] = mapped_column(Sequence("n" * 64), primary_key=True)

    with pytest.raises(InvalidRequestError, match=r"`n{64}` of a sequence has 64 bytes"):
        select(Long).to_sql()
        await Bare.metadata.create_all(postgres)


def test_a_sequence_numbers_integers():
    with pytest.raises(InvalidRequestError, match=r"Text\w*\.name|a Sequence numbers a column of integers"):

        class Texts(Bare):
            __tablename__ = "texts"
            id: Mapped[int] = mapped_column(primary_key=True)
            name: Mapped[str] = mapped_column(Sequence("s"))


@pytest.mark.parametrize(
    ("arguments", "says"), [({"name": ""}, "needs a name"), ({"name": "s", "increment": 0}, "same")]
)
def test_sequences_that_number_nothing(arguments, says):
    with pytest.raises(ValueError, match=says):
        Sequence(**arguments)


def test_it_says_what_it_is():
    sequence = Sequence("s", schema="side")
    assert (sequence.name, sequence.schema, repr(sequence)) == ("s", "side", "Sequence('side.s')")
    with pytest.raises(AttributeError, match=r"next_value.*write func\.nextval\(sequence\.name\)"):
        sequence.next_value()
