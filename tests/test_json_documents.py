"""JSON columns whose documents have a class: dataclasses, `TypedDict`s, pydantic models."""

import enum
import json
import random
import uuid
from dataclasses import dataclass, field
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any, Optional, TypedDict

import pydantic
import pytest
import typing_extensions

from ormkit import JSON, JSONB, AsyncSession, DataError, DeclarativeBase, Mapped, mapped_column, select, update

WHEN = datetime(2024, 5, 6, 7, 8, 9, tzinfo=timezone.utc)


class Level(enum.Enum):
    LOW = "low"
    HIGH = "high"


@dataclass
class Size:
    width: int
    height: float = 1.0


@dataclass
class Tree:
    name: str
    children: list["Tree"] = field(default_factory=list)


@dataclass
class Settings:
    title: str
    size: Size
    spare: Size | None = None
    sizes: list[Size] = field(default_factory=list)
    named: dict[str, Size] = field(default_factory=dict)
    level: Level = Level.LOW
    day: Optional[date] = None  # noqa: UP045
    at: datetime | None = None
    key: uuid.UUID | None = None
    price: Decimal = Decimal("0.10")
    extra: Any = None
    plain: dict = field(default_factory=dict)


class Address(TypedDict, total=False):
    street: str
    sizes: list[Size]


class Marked(typing_extensions.TypedDict):
    """`typing` has these marks from CPython 3.11 on."""

    width: typing_extensions.Required[int]
    since: typing_extensions.NotRequired[datetime]


class Profile(pydantic.BaseModel):
    name: str
    age: int = pydantic.Field(ge=0, default=0)
    since: datetime | None = None
    tags: list[str] = []
    nick: str = pydantic.Field(alias="nickName", default="")


class Base(DeclarativeBase):
    __abstract__ = True


class Page(Base):
    __tablename__ = "pages"
    id: Mapped[int] = mapped_column(primary_key=True)
    settings: Mapped[Settings | None] = mapped_column(JSON)
    bare: Mapped[Size | None]
    address: Mapped[Address | None] = mapped_column(JSONB)
    marked: Mapped[Marked | None]
    profile: Mapped[Profile | None]
    profiles: Mapped[list[Profile] | None]
    by_name: Mapped[dict[str, Size] | None]
    tree: Mapped[Tree | None]


@pytest.fixture
async def db(engine):
    await Base.metadata.create_all(engine)
    return engine


async def loaded(db, key: int = 1) -> Page:
    async with AsyncSession(db) as session:
        return await session.get(Page, key)


async def stored(db, column: str) -> Any:
    cast = f"{column}::text" if db.is_postgres() else column
    return json.loads((await db.execute(f"SELECT {cast} FROM pages")).scalar())


async def test_documents_come_back_as_their_class(db):
    settings = Settings(
        title="t",
        size=Size(1, 2.5),
        spare=Size(3),
        sizes=[Size(4), Size(5)],
        named={"a": Size(6)},
        level=Level.HIGH,
        day=date(2024, 1, 2),
        at=WHEN,
        key=uuid.UUID(int=7),
        price=Decimal("1.50"),
        extra=[1, {"x": None}],
        plain={"y": 1},
    )
    page = Page(
        settings=settings,
        bare=Size(1),
        address={"street": "s", "sizes": [Size(2)]},
        profile=Profile(name="n", since=WHEN, tags=["a"], nickName="nn"),
        profiles=[Profile(name="1"), Profile(name="2")],
        by_name={"k": Size(9)},
        tree=Tree("root", [Tree("leaf"), Tree("branch", [Tree("twig")])]),
    )
    async with AsyncSession(db) as session:
        session.add(page)
        await session.commit()
    assert (await stored(db, "settings"))["price"] == "1.50"
    assert await stored(db, "profile") == {
        "name": "n",
        "age": 0,
        "since": "2024-05-06T07:08:09Z",
        "tags": ["a"],
        "nickName": "nn",
    }
    found = await loaded(db)
    assert found.settings == settings
    assert found.bare == Size(1)
    assert found.address == {"street": "s", "sizes": [Size(2)]}
    assert found.profile == page.profile
    assert found.profiles == page.profiles
    assert found.by_name == {"k": Size(9)}
    assert found.tree == page.tree


async def test_keys_of_a_typed_dict_may_be_marked(db):
    async with AsyncSession(db) as session:
        await session.insert_all([Page(marked={"width": 1}), Page(marked={"width": 2, "since": WHEN})])
        session.expunge_all()
        pages = (await session.scalars(select(Page).order_by(Page.id))).all()
        assert [page.marked for page in pages] == [{"width": 1}, {"width": 2, "since": WHEN}]


async def test_changes_in_place_are_written(db):
    async with AsyncSession(db) as session:
        page = Page(bare=Size(1), profile=Profile(name="a"), tree=Tree("r", [Tree("x")]))
        session.add(page)
        await session.commit()
        page.bare.width = 2
        page.profile.tags.append("new")
        await session.commit()
    async with AsyncSession(db) as session:
        page = await session.get(Page, 1)
        assert (page.bare, page.profile.tags) == (Size(2), ["new"])
        page.tree.children[0].name = "y"
        await session.commit()
    assert (await loaded(db)).tree == Tree("r", [Tree("y")])


async def test_an_equal_document_is_no_change(db):
    async with AsyncSession(db) as session:
        session.add(Page(bare=Size(1), profile=Profile(name="a")))
        await session.commit()
    async with AsyncSession(db) as session:
        page = await session.get(Page, 1)
        assert (page.bare, page.profile) == (Size(1), Profile(name="a"))
        page.bare = Size(1)
        page.profile = Profile(name="a")
        assert page not in session.dirty


async def test_a_class_that_hides_a_field_from_repr_is_still_compared(db):
    @dataclass
    class Hidden:
        shown: int
        hidden: int = field(default=0, repr=False)

    class Holder(Base):
        __tablename__ = "holders"
        id: Mapped[int] = mapped_column(primary_key=True)
        it: Mapped[Hidden] = mapped_column(JSON)

    await Base.metadata.create_all(db)
    async with AsyncSession(db) as session:
        holder = Holder(it=Hidden(1, 1))
        session.add(holder)
        await session.commit()
        holder.it = Hidden(1, 2)
        await session.commit()
    async with AsyncSession(db) as session:
        assert (await session.get(Holder, 1)).it == Hidden(1, 2)


async def test_rollback_gives_the_document_back(db):
    async with AsyncSession(db) as session:
        page = Page(bare=Size(1))
        session.add(page)
        await session.commit()
        page.bare.width = 5
        await session.flush()
        await session.rollback()
        assert page.bare == Size(1)


async def test_columns_and_conditions_know_the_class(db):
    async with AsyncSession(db) as session:
        session.add_all([Page(bare=Size(1)), Page(bare=Size(2))])
        await session.commit()
        found = await session.execute(select(Page.bare).order_by(Page.id))
        assert found.scalars().all() == [Size(1), Size(2)]
        found = await session.execute(select(Page.id).where(Page.bare == Size(2)))
        assert found.scalars().all() == [2]
    assert update(Page).values(bare=Size(3)).to_sql()[1] == [{"width": 3, "height": 1.0}]


async def test_random_documents_come_back(db):
    seed = random.randrange(2**32)
    chance = random.Random(seed)

    def tree(depth: int) -> Tree:
        name = "".join(
            chr(chance.choice([chance.randrange(1, 0xD800), chance.randrange(0xE000, 0x110000)])) for _ in range(5)
        )
        return Tree(name, [tree(depth - 1) for _ in range(chance.randrange(3))] if depth else [])

    def size() -> Size:
        return Size(chance.randrange(-(2**70), 2**70), chance.uniform(-1e9, 1e9))

    pages = [Page(tree=tree(4), by_name={str(n): size() for n in range(chance.randrange(4))}) for _ in range(30)]
    async with AsyncSession(db) as session:
        session.add_all(pages)
        await session.commit()
    async with AsyncSession(db) as session:
        for page in pages:
            found = await session.get(Page, page.id)
            assert (found.tree, found.by_name) == (page.tree, page.by_name), seed


@pytest.mark.parametrize(
    ("column", "text", "says"),
    [
        ("bare", '{"width": "x"}', r"no Size: at \.width: expected int, got a value of type str"),
        ("bare", '{"width": true}', r"expected int, got a value of type bool"),
        ("bare", "{}", r'lacks "width"'),
        ("bare", '{"width": 1, "depth": 2}', r"has a key that the class has no field for"),
        ("bare", "[1]", r"expected dict, got a value of type list"),
        ("address", '{"sizes": [{"width": 1}, 7]}', r"at \.sizes\[1\]: expected dict"),
        ("profile", '{"name": "n", "age": -1}', r"its class raised ValidationError"),
        (
            "settings",
            '{"title": "t", "size": {"width": 1}, "level": "huge"}',
            r"at \.level: its class raised ValueError",
        ),
    ],
)
async def test_a_stored_document_of_another_shape_is_refused(db, column, text, says):
    await db.execute(f"INSERT INTO pages ({column}) VALUES ('{text}')")
    page = await loaded(db)
    with pytest.raises(DataError, match=rf"Page\.{column}: .*{says}"):
        getattr(page, column)
    async with AsyncSession(db) as session:
        with pytest.raises(DataError, match=rf"Page\.{column}: "):
            await session.execute(select(getattr(Page, column)))


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"bare": {"width": 1}}, r"Page\.bare: the value is no Size: expected Size, got a value of type dict"),
        ({"bare": Size("x")}, r"Page\.bare: the value is no Size: at \.width: expected int"),
        ({"profile": "x"}, r"Page\.profile: .*expected Profile"),
        ({"marked": {"since": WHEN}}, r"Page\.marked: .*width"),
        ({"address": {"town": "x"}}, r"Page\.address: .*no field for"),
    ],
)
async def test_a_value_of_another_shape_is_not_sent(db, values, says):
    async with AsyncSession(db) as session:
        session.add(Page(**values))
        with pytest.raises(DataError, match=says):
            await session.flush()
        await session.rollback()
    assert (await db.execute("SELECT count(*) FROM pages")).scalar() == 0


async def test_a_document_that_holds_itself_is_refused(db):
    tree = Tree("a")
    tree.children.append(tree)
    async with AsyncSession(db) as session:
        session.add(Page(tree=tree))
        with pytest.raises(DataError, match="nested too deep, or holds itself"):
            await session.flush()
        await session.rollback()


def test_fields_that_json_has_no_form_for_are_told_at_once():
    @dataclass
    class Odd:
        it: complex

    @dataclass
    class Made:
        it: int = field(init=False, default=1)

    with pytest.raises(Exception, match=r"Odd\.it is a <class 'complex'>, for which JSON has no form"):

        class One(Base):
            id: Mapped[int] = mapped_column(primary_key=True)
            it: Mapped[Odd]

    with pytest.raises(Exception, match=r"Made\.it is a field\(init=False\)"):

        class Two(Base):
            id: Mapped[int] = mapped_column(primary_key=True)
            it: Mapped[Made] = mapped_column(JSON)
