"""Never run: read by mypy and pyright in strict mode, which must see exactly these types."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from typing_extensions import assert_type

from ormkit import (
    ARRAY,
    CTE,
    AsyncSession,
    Base,
    ConnectionPool,
    CopyOut,
    ExecuteResult,
    ForeignKey,
    Listener,
    Mapped,
    Notification,
    Q,
    Query,
    QueryResult,
    RelatedList,
    Row,
    ScalarResult,
    Select,
    String,
    Subquery,
    Transaction,
    UniqueViolation,
    aliased,
    create_engine,
    exists,
    func,
    joinedload,
    mapped_column,
    relationship,
    select,
    selectinload,
    union,
)
from ormkit.query import Attribute, Condition, Exists, Expr


class Team(Base):
    __tablename__ = "teams"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(max_length=100, unique=True)
    members: Mapped[list[Player]] = relationship(back_populates="team", cascade="all, delete-orphan")


class Player(Base):
    __tablename__ = "players"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    email: Mapped[str | None]
    wage: Mapped[Decimal]
    joined: Mapped[datetime] = mapped_column(default=datetime.now)
    team_id: Mapped[int | None] = mapped_column(ForeignKey("teams.id", ondelete="CASCADE"))
    team: Mapped[Team | None] = relationship(back_populates="members")
    tags: Mapped[list[str]] = mapped_column(ARRAY(String(20)), default_factory=list)


def classes_give_expressions_and_instances_values(player: Player, team: Team) -> None:
    assert_type(Player.id, Attribute[int])
    assert_type(Player.email, Attribute[str | None])
    assert_type(Player.team, Attribute[Team | None])
    assert_type(Player.tags, Attribute[list[str]])
    assert_type(player.tags, list[str])
    assert_type(Player.name == "Ada", Condition)
    assert_type((Player.wage > Decimal(1)) & ~Player.name.in_(["Ada"]), Condition)
    assert_type(Player.name.desc(), Expr[str])
    assert_type(player.id, int)
    assert_type(player.email, str | None)
    assert_type(player.team, Team | None)
    assert_type(team.members, RelatedList[Player])
    for member in team.members:
        assert_type(member, Player)
    player.email = None
    player.wage = Player.wage + Decimal(1)
    player.id = "seven"  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue]


async def results_know_their_rows(session: AsyncSession) -> None:
    statement = select(Player.id, Player.name).where(Player.team_id.is_not(None)).order_by("-name").limit(10)
    assert_type(statement, Select[int, str])
    assert_type(await session.execute(statement), ExecuteResult[int, str])
    for row in await session.execute(statement):
        assert_type(row, Row[int, str])
        assert_type(row[1], str)
    assert_type(await session.scalars(select(Player)), ScalarResult[Player])
    assert_type((await session.scalars(select(Player))).all(), list[Player])
    assert_type(await session.scalar(select(func.count(Player.id))), int | None)
    assert_type((await session.execute(select(Team).options(selectinload(Team.members)))).scalar_one(), Team)
    assert_type(statement.to_sql("sqlite"), tuple[str, list[Any]])


async def queries_know_their_model(session: AsyncSession) -> None:
    query = session.query(Player).filter(Player.wage > Decimal(1), name__startswith="A").order_by("name")
    assert_type(query, Query[Player])
    assert_type(await query, list[Player])
    assert_type(await query.options(joinedload(Player.team)).all(), list[Player])
    assert_type(await query.first(), Player | None)
    assert_type(await query.one(), Player)
    assert_type(await query.count(), int)
    assert_type(await query.exists(), bool)
    assert_type(query[:10], Query[Player])
    assert_type(await query.filter(Q(name="Ada") | ~Q(wage__gt=1)).get(id=1), Player)


async def aliases_are_typed_as_their_class(session: AsyncSession) -> None:
    other = aliased(Player)
    assert_type(other, type[Player])
    assert_type(select(Player, other.name).join(other, other.id == Player.id), Select[Player, str])
    wages = select(Player.team_id, func.count(Player.id).label("n")).group_by(Player.team_id).subquery()
    assert_type(wages, Subquery)
    assert_type(wages.c.n, Expr[Any])
    assert_type(aliased(Player, select(Player).limit(3).subquery()), type[Player])
    names = union(select(Player.name), select(Team.name)).order_by("name")
    assert_type(names, Select[str])
    assert_type((await session.scalars(names)).all(), list[str])
    assert_type(select(Player).from_statement(select(Player)), Select[Player])
    tree = select(Team.id).cte("tree", recursive=True)
    assert_type(tree.union_all(select(tree.c.id)), CTE)
    assert_type(exists(Player.id).where(Player.team_id == Team.id), Exists)
    assert_type(~exists(Player.id), Condition)


async def sessions_return_what_they_are_given(session: AsyncSession, team: Team) -> None:
    assert_type(await session.get(Team, 1), Team | None)
    assert_type(await session.insert(Player(name="Ada")), Player)
    assert_type(await session.insert_all([Player(name="Ada")]), list[Player])
    assert_type(await session.update(team, name="B"), Team)
    await team.members.add(Player(name="Bob"))
    team.members.remove(team.members[0])
    async with session.begin() as transaction:
        assert_type(transaction, Transaction)
        assert_type(transaction.add(team), Transaction)
        assert_type(transaction.session, AsyncSession)
    session.add(Player)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def engines_are_awaited_entered_or_used(url: str) -> None:
    assert_type(create_engine(url), ConnectionPool)
    assert_type(await create_engine(url), ConnectionPool)
    async with create_engine(url, max_connections=2) as engine:
        await Base.metadata.create_all(engine)
        assert_type(await engine.execute("SELECT 1"), QueryResult)
        try:
            await engine.execute("INSERT INTO teams VALUES (1, 'A')")
        except UniqueViolation as error:
            assert_type(error.constraint_name, str | None)
            assert_type(error.columns, tuple[str, ...])


async def bulk_data_and_notifications(engine: ConnectionPool, players: list[tuple[int, str]]) -> None:
    assert_type(await engine.copy_from(Player, players, columns=["id", "name"]), int)
    assert_type(await engine.copy_from("players", b"1,Ada", format="csv", delimiter=","), int)
    assert_type(engine.copy_to("players"), CopyOut[tuple[Any, ...]])
    assert_type([block async for block in engine.copy_to(select(Player.id), format="text")], list[bytes])
    assert_type(await engine.copy_to("players", "players.csv", format="csv", header=True), int)
    engine.copy_to("players", "players.csv")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
    async with engine.listen("jobs", "news") as listener:
        assert_type(listener, Listener)
        async for said in listener:
            assert_type(said, Notification)
            assert_type(said.payload, str)


async def conditions_have_no_truth_value(session: AsyncSession) -> None:
    if Player.id == 1:  # pyright: ignore[reportGeneralTypeIssues]
        reveal = "unreachable to a checker, a TypeError at run time"
        print(reveal)


async def a_forgotten_await_is_seen(session: AsyncSession) -> None:
    session.commit()  # type: ignore[unused-coroutine]  # pyright: ignore[reportUnusedCoroutine]
