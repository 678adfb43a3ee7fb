"""Conditions across relations that lead back to the table of their own row, on both databases."""

from __future__ import annotations

from typing import Any

import pytest
import pytest_asyncio

import ormkit
from ormkit import (
    AsyncSession,
    DeclarativeBase,
    ForeignKey,
    Mapped,
    NotSupportedError,
    String,
    aliased,
    func,
    joinedload,
    mapped_column,
    relationship,
    select,
    selectinload,
)


class Base(DeclarativeBase):
    __abstract__ = True


class Node(Base):
    __tablename__ = "nodes"
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(9))
    name: Mapped[str]
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("nodes.id"))
    children: Mapped[list[Node]] = relationship(back_populates="parent")
    parent: Mapped[Node | None] = relationship(back_populates="children", remote_side="Node.id")
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "node"}


class Branch(Node):
    size: Mapped[int | None]
    twin_id: Mapped[int | None] = mapped_column(ForeignKey("nodes.id"))
    twin: Mapped[Branch | None] = relationship(foreign_keys="Branch.twin_id", remote_side="Branch.id")
    __mapper_args__ = {"polymorphic_identity": "branch"}


@pytest_asyncio.fixture
async def session(engine: ormkit.ConnectionPool) -> AsyncSession:
    await Base.metadata.create_all(engine)
    session = AsyncSession(engine)
    deep = Branch(id=4, name="y", size=5, children=[Node(id=6, name="x")])
    middle = Branch(id=2, name="a", size=1, children=[Node(id=3, name="x"), deep])
    await session.insert(Node(id=1, name="r", children=[middle, Node(id=5, name="b")]))
    return session


N, B = Node, Branch

CONDITIONS: list[tuple[Any, Any, list[int]]] = [
    (N, N.children.any(N.name == "x"), [2, 4]),
    (N, N.children.any(N.children.any(N.name == "x")), [1, 2]),
    (N, N.children.any(N.children.any(N.children.any(N.name == "x"))), [1]),
    (N, N.children.any((N.name == "a") & N.children.any(N.name == "x")), [1]),
    (N, N.children.any(N.parent.has(N.name == "r")), [1]),
    (N, N.parent.has(N.parent.has(N.name == "r")), [3, 4]),
    (N, N.parent.has(N.children.any(N.name == "b")), [2, 5]),
    (N, N.children.any(children__name="x"), [1, 2]),
    (N, N.children.any(N.children.any(N.name == "x"), children__name="y"), [1]),
    (B, B.children.any(N.name == "x"), [2, 4]),
    (B, B.children.any(N.children.any(N.name == "x")), [2]),
    (B, B.children.of_type(B).any(B.size == 5), [2]),
    (B, B.parent.has(N.name == "r"), [2]),
    (B, ~B.children.any(), []),
    (B, B.children.any(children__name="x"), [2]),
    (N, N.children.of_type(other := aliased(N)).any(other.id == N.id * 2), [1, 2]),
]


@pytest.mark.parametrize("at", range(len(CONDITIONS)))
async def test_related_rows_are_others_than_the_row_at_hand(session: AsyncSession, at: int) -> None:
    model, condition, found = CONDITIONS[at]
    assert (await session.scalars(select(model.id).where(condition).order_by(model.id))).all() == found
    everything = (await session.scalars(select(model.id))).all()
    denied = (await session.scalars(select(model.id).where(~condition))).all()
    assert sorted([*found, *denied]) == sorted(everything)
    await session.close()


LOOKUPS: list[tuple[dict[str, str], list[int], list[int]]] = [
    ({"children__name": "x"}, [2, 4], [2, 4]),
    ({"children__children__name": "x"}, [1, 2], [2]),
    ({"parent__name": "r"}, [2, 5], [2]),
    ({"parent__parent__name": "r"}, [3, 4], [4]),
    ({"parent__children__name": "b"}, [2, 5], [2]),
]


@pytest.mark.parametrize(("lookups", "nodes", "branches"), LOOKUPS)
async def test_lookups_tell_them_apart(
    session: AsyncSession, lookups: dict[str, str], nodes: list[int], branches: list[int]
) -> None:
    for model, found, count in ((Node, nodes, 6), (Branch, branches, 2)):
        query = session.query(model).order_by("id")
        assert await query.filter(**lookups).values_list("id", flat=True) == found
        assert await query.exclude(**lookups).count() == count - len(found)
    leaf = await session.get(Node, 3)
    assert (await session.scalars(select(Branch.id).where(Branch.children.contains(leaf)))).all() == [2]
    await session.close()


async def test_a_class_below_has_the_relations_of_its_class(session: AsyncSession) -> None:
    # `twin` is a second reference to the table: `children` and `parent` are those that Node has.
    first, second = await session.query(Branch).order_by("id")
    first.twin = second
    await session.commit()
    for option in (selectinload, joinedload):
        session.expunge_all()
        query = session.query(Branch).options(option(Branch.twin), option(Branch.children), option(Branch.parent))
        first, second = await query.order_by("id")
        assert first.twin is second and second.twin is None
        assert sorted(child.id for child in first.children) == [3, 4]
        assert first.parent is not None and first.parent.name == "r" and second.parent is first
    await session.close()


async def test_relations_of_a_class_with_a_table_of_its_own_are_those_of_classes_below(
    engine: ormkit.ConnectionPool,
) -> None:
    class Own(DeclarativeBase):
        pass

    class Person(Own):
        __tablename__ = "people"
        id: Mapped[int] = mapped_column(primary_key=True)
        kind: Mapped[str]
        __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "person"}

    class Manager(Person):
        __tablename__ = "managers"
        id: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
        boss_id: Mapped[int | None] = mapped_column(ForeignKey("managers.id"))
        boss = relationship("Manager", remote_side="Manager.id", foreign_keys="Manager.boss_id", back_populates="staff")
        staff = relationship("Manager", foreign_keys="Manager.boss_id", back_populates="boss", uselist=True)
        __mapper_args__ = {"polymorphic_identity": "manager"}

    class Director(Manager):
        title: Mapped[str | None]
        __mapper_args__ = {"polymorphic_identity": "director"}

    class Chief(Manager):
        __tablename__ = "chiefs"
        id: Mapped[int] = mapped_column(ForeignKey("managers.id"), primary_key=True)
        rank: Mapped[int | None]
        __mapper_args__ = {"polymorphic_identity": "chief"}

    await Own.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        await session.insert(Chief(id=1, rank=1, staff=[Director(id=2, title="t", staff=[Manager(id=3)])]))
        session.expunge_all()
        (director,) = await session.query(Director).options("staff", "boss")
        assert [one.id for one in director.staff] == [3] and type(director.boss) is Chief
        assert (await session.scalars(select(Director.id).where(Director.staff.any(Manager.id == 3)))).all() == [2]
        assert (await session.scalars(select(Director.id).where(Director.boss.has(Manager.id == 1)))).all() == [2]


async def test_window_functions_in_conditions_are_refused(session: AsyncSession) -> None:
    newest = func.row_number().over(order_by=Node.id.desc())
    with pytest.raises(NotSupportedError, match="subquery"):
        await session.scalars(select(Node.id).where(newest <= 2))
    with pytest.raises(NotSupportedError, match="subquery"):
        await session.query(Node).annotate(place=newest).filter(place__lte=2)
    numbered = select(Node.id, newest.label("place")).subquery()
    found = select(numbered.c.id).where(numbered.c.place <= 2).order_by(numbered.c.id)
    assert (await session.scalars(found)).all() == [5, 6]
    await session.close()
