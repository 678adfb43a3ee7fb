"""Columns of types that PostgreSQL alone has; on SQLite they are refused by name before anything is sent."""

from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Network

import pytest

from ormkit import (
    ARRAY,
    AsyncSession,
    Bit,
    Cidr,
    DatabaseError,
    DataError,
    DeclarativeBase,
    Inet,
    MacAddr,
    MacAddr8,
    Mapped,
    Tsvector,
    Unsupported,
    Vector,
    create_engine,
    mapped_column,
    select,
)


class Base(DeclarativeBase):
    __abstract__ = True


class Host(Base):
    __tablename__ = "hosts"
    id: Mapped[int] = mapped_column(primary_key=True)
    address: Mapped[IPv4Address | IPv6Address | None] = mapped_column(Inet)
    network: Mapped[IPv4Network | IPv6Network | None] = mapped_column(Cidr)
    mac: Mapped[str | None] = mapped_column(MacAddr)
    long_mac: Mapped[str | None] = mapped_column(MacAddr8())
    flag: Mapped[str | None] = mapped_column(Bit)
    flags: Mapped[str | None] = mapped_column(Bit(3))
    mask: Mapped[str | None] = mapped_column(Bit(5, varying=True))
    words: Mapped[str | None] = mapped_column(Tsvector)
    addresses: Mapped[list[IPv4Address] | None] = mapped_column(ARRAY(Inet))
    macs: Mapped[list[str | None] | None] = mapped_column(ARRAY(MacAddr))
    masks: Mapped[list[str] | None] = mapped_column(ARRAY(Bit(3)))


class Switch(Base):
    __tablename__ = "switches"
    mac: Mapped[str] = mapped_column(MacAddr, primary_key=True)
    name: Mapped[str]


class Plain(Base):
    __tablename__ = "plain"
    id: Mapped[int] = mapped_column(primary_key=True)


VALUES = [
    ("address", IPv6Address("::1")),
    ("address", IPv4Interface("10.1.2.3/8")),
    ("network", IPv4Network("10.0.0.0/8")),
    ("network", IPv6Network("2001:db8::/32")),
    ("mac", "08:00:2b:01:02:03"),
    ("long_mac", "08:00:2b:ff:fe:01:02:03"),
    ("flag", "1"),
    ("flags", "101"),
    ("mask", ""),
    ("mask", "11010"),
    ("words", "'cat':3 'fat':2A"),
    ("addresses", [IPv4Address("10.0.0.1"), None, IPv4Interface("10.0.0.1/8")]),
    ("macs", [["08:00:2b:01:02:03", None]]),
    ("masks", ["101", "000"]),
]


@pytest.fixture
async def db(postgres_url):
    async with create_engine(postgres_url) as engine:
        await Base.metadata.create_all(engine)
        yield engine


async def test_value_comes_back_as_it_was_alone_and_among_many(db):
    async with AsyncSession(db) as session:
        alone = [await session.insert(Host(**{name: value})) for name, value in VALUES]
        many = await session.insert_all([Host(**{name: value}) for name, value in VALUES])
    async with AsyncSession(db) as session:
        for (name, value), one, other in zip(VALUES, alone, many, strict=True):
            for host in [one, other]:
                assert repr(getattr(await session.get(Host, host.id), name)) == repr(value)
            column = getattr(Host, name)
            found = await session.query(Host).filter(column == value).order_by(Host.id).all()
            assert [host.id for host in found] == [one.id, other.id]
            values = (await session.execute(select(column).where(column.is_not(None), Host.id == one.id))).scalars()
            assert repr(values.all()) == repr([value])


async def test_changes_are_written_together(db):
    async with AsyncSession(db) as session:
        hosts = await session.insert_all([Host(macs=["08:00:2b:01:02:03"]) for _ in range(3)])
        for index, host in enumerate(hosts):
            host.flags, host.mac = f"{index:03b}", f"08:00:2b:01:02:0{index}"
            host.macs.extend([None] * index)
        await session.commit()
    async with AsyncSession(db) as session:
        found = await session.query(Host).order_by("id").all()
        assert [host.flags for host in found] == ["000", "001", "010"]
        assert [len(host.macs) for host in found] == [1, 2, 3]


async def test_key_of_such_a_type(db):
    async with AsyncSession(db) as session:
        macs = [f"08:00:2b:01:02:0{index}" for index in range(4)]
        switches = await session.insert_all([Switch(mac=mac, name=mac) for mac in macs])
        for switch in switches:
            switch.name = "x"
        await session.commit()
        assert (await session.get(Switch, macs[0])) is switches[0]
        assert await session.query(Switch).filter(Switch.mac.in_(macs[:3])).count() == 3
        for switch in switches[:2]:
            session.delete(switch)
        await session.commit()
    async with AsyncSession(db) as session:
        assert sorted([switch.mac for switch in await session.query(Switch).all()]) == macs[2:]
        assert (await session.get(Switch, macs[3])).name == "x"


TOO_LONG = [("flags", "1010"), ("flags", "1"), ("mask", "111111"), ("masks", ["1010"])]


@pytest.mark.parametrize(("name", "value"), TOO_LONG)
async def test_bits_of_another_length_are_refused_and_not_cut(db, name, value):
    async with AsyncSession(db) as session:
        with pytest.raises(DatabaseError, match="bit string"):
            await session.insert(Host(**{name: value}))
        with pytest.raises(DatabaseError, match="bit string"):
            await session.insert_all([Host(), Host(**{name: value})])
        assert await session.query(Host).count() == 0


REFUSED = [
    ("address", "10.0.0.1", "expected an address or interface of ipaddress, got a value of type str"),
    ("address", IPv4Network("10.0.0.0/8"), "expected an address or interface of ipaddress"),
    ("network", IPv4Address("10.0.0.1"), "expected an IPv4Network or IPv6Network"),
    ("mac", 5, "expected str"),
    ("mac", "a\0", "NUL"),
    ("addresses", ["10.0.0.1"], "expected an address or interface of ipaddress"),
]


@pytest.mark.parametrize(("name", "value", "problem"), REFUSED)
async def test_value_of_another_type_is_refused_by_name(db, name, value, problem):
    async with AsyncSession(db) as session:
        with pytest.raises(DataError, match=rf"^Host\.{name}: .*{problem}"):
            await session.insert(Host(**{name: value}))


async def test_sqlite_lacks_them_and_says_so_before_anything_is_sent(sqlite_url):
    async with create_engine(sqlite_url) as engine:
        with pytest.raises(Unsupported, match=r"Host\.address: INET on sqlite is not supported"):
            await Base.metadata.create_all(engine)
        async with engine.connect() as connection:
            with pytest.raises(Unsupported, match=r"Host\.address: INET"):
                await connection.run_sync(Base.metadata.create_all)
        assert (await engine.execute("SELECT count(*) FROM sqlite_master")).scalar() == 0
        await engine.execute("CREATE TABLE hosts (id INTEGER PRIMARY KEY, address, mac, macs)")
        async with AsyncSession(engine) as session:
            for query in [session.query(Host), session.query(Host).filter(Host.id == 1)]:
                with pytest.raises(Unsupported, match=r"Host\.address: INET on sqlite"):
                    await query.all()
            with pytest.raises(Unsupported, match=r"Host\.mac: MACADDR on sqlite"):
                await session.execute(select(Host.mac))
            with pytest.raises(Unsupported, match=r"Host\.macs: MACADDR\[\] on sqlite"):
                await session.execute(select(Host.id).where(Host.macs == []))
            with pytest.raises(Unsupported, match=r"Switch\.mac: MACADDR on sqlite"):
                await session.insert_all([Switch(mac="a", name="b"), Switch(mac="c", name="d")])
            with pytest.raises(Unsupported, match=r"Switch\.mac: MACADDR on sqlite"):
                await session.get(Switch, "a")
        with pytest.raises(Unsupported, match="inet on SQLite"):
            await engine.execute("SELECT ?", [IPv4Address("10.0.0.1")])


async def test_vector_needs_its_extension(db):
    class Point(Base):
        __tablename__ = "points"
        id: Mapped[int] = mapped_column(primary_key=True)
        at: Mapped[str] = mapped_column(Vector(3))

    assert Point.__columns__["at"].sql_type() == "VECTOR(3)"
    with pytest.raises(DatabaseError, match='"vector" does not exist'):
        await Base.metadata.create_all(db)


def test_sizes_are_checked_and_shown():
    assert [repr(item) for item in [Bit(), Bit(3), Bit(varying=True), Vector(3), Inet()]] == [
        "Bit(1)",
        "Bit(3)",
        "Bit()",
        "Vector(3)",
        "Inet()",
    ]
    for make in [lambda: Bit(0), lambda: Vector(-1), lambda: Vector(16_001)]:
        with pytest.raises(ValueError, match="takes a size from 1 to"):
            make()
