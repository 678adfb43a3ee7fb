"""Random programs over rows that may count as deleted: whatever way they are read, what is read is what a plain model of the
rows says. On both databases."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from ormkit import (
    AsyncSession,
    Count,
    DeclarativeBase,
    ForeignKey,
    Mapped,
    Q,
    SoftDeleteMixin,
    Sum,
    delete,
    func,
    joinedload,
    mapped_column,
    relationship,
    select,
    selectinload,
    update,
)

PROGRAMS = 20
STEPS = 60


class Base(DeclarativeBase):
    __abstract__ = True


class Team(SoftDeleteMixin, Base):
    __tablename__ = "teams"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    n: Mapped[int]
    players: Mapped[list[Player]] = relationship(back_populates="team", order_by="Player.id")
    badges: Mapped[list[Badge]] = relationship(secondary="team_badges", order_by="Badge.id")


class Player(SoftDeleteMixin, Base):
    __tablename__ = "players"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    n: Mapped[int]
    team_id: Mapped[int | None] = mapped_column(ForeignKey("teams.id"))
    team: Mapped[Team | None] = relationship(back_populates="players")


class Badge(SoftDeleteMixin, Base):
    __tablename__ = "badges"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    n: Mapped[int]


@dataclass
class Row:
    id: int
    n: int
    gone: bool = False
    team: int | None = None


class Rows:
    """The plain model: rows by class and key, links, and what a statement that leaves out, includes or wants only marked
    rows sees of them."""

    def __init__(self) -> None:
        self.of: dict[type, dict[int, Row]] = {Team: {}, Player: {}, Badge: {}}
        self.links: set[tuple[int, int]] = set()

    def seen(self, cls: type, scope: str = "left out") -> list[Row]:
        rows = sorted(self.of[cls].values(), key=lambda row: row.id)
        wanted = {"left out": lambda row: not row.gone, "included": lambda row: True, "only": lambda row: row.gone}
        return list(filter(wanted[scope], rows))

    def players(self, team: int, scope: str = "left out") -> list[Row]:
        return [row for row in self.seen(Player, scope) if row.team == team]

    def badges(self, team: int, scope: str = "left out") -> list[Row]:
        return [row for row in self.seen(Badge, scope) if (team, row.id) in self.links]

    def team(self, player: Row, scope: str = "left out") -> Row | None:
        return next((row for row in self.seen(Team, scope) if row.id == player.team), None)


def inner(scope: str) -> str:
    """What a statement of `scope` sees of the tables that are not its first."""
    return "included" if scope == "included" else "left out"


class Program:
    def __init__(self, seed: str, db: Any) -> None:
        self.random, self.db, self.rows = random.Random(seed), db, Rows()
        self.session: AsyncSession

    def query(self, cls: Any, scope: str) -> Any:
        query = self.session.query(cls)
        return {"left out": query, "included": query.with_deleted(), "only": query.only_deleted()}[scope]

    def scope(self) -> str:
        return self.random.choice(["left out", "left out", "included", "only"])

    def cls(self) -> Any:
        return self.random.choice([Team, Player, Badge])

    def any_row(self) -> tuple[Any, Row] | None:
        found = [(cls, row) for cls, rows in self.rows.of.items() for row in rows.values()]
        return self.random.choice(found) if found else None

    # What writes

    async def insert(self) -> None:
        cls = self.cls()
        row = Row(max(self.rows.of[cls], default=0) + 1, self.random.randint(1, 5))
        object = cls(id=row.id, n=row.n)
        if cls is Player and self.rows.of[Team] and self.random.random() < 0.8:
            row.team = object.team_id = self.random.choice(list(self.rows.of[Team]))
        if cls is Team:
            for badge in self.rows.seen(Badge):
                if self.random.random() < 0.5:
                    object.badges.append(await self.session.get(Badge, badge.id))
                    self.rows.links.add((row.id, badge.id))
        self.rows.of[cls][row.id] = row
        await self.session.insert(object)

    async def mark(self) -> None:
        if (found := self.any_row()) is None:
            return
        cls, row = found
        object = await self.session.get(cls, row.id, include_deleted=True)
        row.gone = not row.gone
        match self.random.randint(0, 2):
            case 0:
                await (self.session.soft_delete if row.gone else self.session.restore)(object)
            case 1:
                (object.mark_deleted if row.gone else object.mark_restored)()
            case 2:
                object.n = row.n = self.random.randint(1, 5)
                (object.mark_deleted if row.gone else object.mark_restored)()
                await self.session.flush()

    async def set_verb(self) -> None:
        cls, scope, n = self.cls(), self.scope(), self.random.randint(1, 5)
        above = self.random.randint(0, 5)
        rows = [row for row in self.rows.seen(cls, scope) if row.id > above]
        if scope == "included" and self.random.random() < 0.5:
            statement = update(cls).where(cls.id > above).values(n=n).execution_options(include_deleted=True)
            written = (await self.session.execute(statement)).rowcount
        elif scope == "left out" and self.random.random() < 0.5:
            written = await self.session.bulk_update(cls, {"n": n}, id__gt=above)
        elif self.random.random() < 0.3:
            written = await self.query(cls, scope).filter(id__gt=above).order_by("id").limit(2).update(n=n)
            rows = rows[:2]
        else:
            written = await self.query(cls, scope).filter(id__gt=above).update(n=n)
        assert written == len(rows)
        for row in rows:
            row.n = n

    async def set_verb_across(self) -> None:
        scope, n = self.scope(), self.random.randint(1, 5)
        written = await self.query(Player, scope).filter(team__n__gte=3).update(n=n)
        rows = [
            row for row in self.rows.seen(Player, scope) if (team := self.rows.team(row, inner(scope))) and team.n >= 3
        ]
        assert written == len(rows)
        for row in rows:
            row.n = n

    async def delete_rows(self) -> None:
        scope, n = self.scope(), self.random.randint(1, 5)
        rows = [row for row in self.rows.seen(Player, scope) if row.n == n]
        if scope == "left out":
            assert (await self.session.execute(delete(Player).where(Player.n == n))).rowcount == len(rows)
        else:
            assert await self.query(Player, scope).filter(n=n).delete() == len(rows)
        for row in rows:
            del self.rows.of[Player][row.id]

    async def delete_team(self) -> None:
        if not self.rows.of[Team]:
            return
        id = self.random.choice(list(self.rows.of[Team]))
        # Players that were given their team by its key are not in the lists of teams that the session holds.
        await self.session.flush()
        self.session.expunge_all()
        team = await self.session.get(Team, id, include_deleted=True)
        if self.random.random() < 0.5:
            await self.session.load(team, Team.players)
        await self.session.force_delete(team)
        del self.rows.of[Team][id]
        self.rows.links = {link for link in self.rows.links if link[0] != id}
        for row in self.rows.of[Player].values():
            row.team = None if row.team == id else row.team

    async def end(self) -> None:
        await self.session.commit()
        self.session.expunge_all()

    # What reads

    async def read(self) -> None:
        cls, scope = self.cls(), self.scope()
        rows, query = self.rows.seen(cls, scope), self.query(cls, scope)
        assert [(object.id, object.n) for object in await query.order_by("id")] == [(row.id, row.n) for row in rows]
        assert await query.count() == len(rows)
        assert await query.limit(2).count() == min(2, len(rows))
        assert await query.exists() == bool(rows)
        assert (await query.sum("n") or 0) == sum(row.n for row in rows)
        found = [object.id async for object in query.order_by("-id").stream(batch_size=2)]
        assert found == [row.id for row in reversed(rows)]

    async def get(self) -> None:
        if (found := self.any_row()) is None:
            return
        cls, row = found
        await self.session.flush()
        if self.random.random() < 0.3:
            self.session.expire_all()
        assert (await self.session.get(cls, row.id) is None) == row.gone
        assert (await self.session.get(cls, row.id, populate_existing=True) is None) == row.gone
        assert await self.session.get(cls, row.id, include_deleted=True) is not None

    async def eager(self) -> None:
        scope, load = self.scope(), self.random.choice([selectinload, joinedload])
        await self.session.flush()
        self.session.expunge_all()
        teams = await self.query(Team, scope).options(load(Team.players), load(Team.badges)).order_by("id")
        assert [team.id for team in teams] == [row.id for row in self.rows.seen(Team, scope)]
        for team in teams:
            assert [each.id for each in team.players] == [row.id for row in self.rows.players(team.id, inner(scope))]
            assert [each.id for each in team.badges] == [row.id for row in self.rows.badges(team.id, inner(scope))]
        self.session.expunge_all()
        for player in await self.query(Player, scope).options(load(Player.team)):
            team = self.rows.team(self.rows.of[Player][player.id], inner(scope))
            assert (player.team and player.team.id) == (team and team.id)

    async def lookups(self) -> None:
        scope, n = self.scope(), self.random.randint(1, 5)
        across = inner(scope)
        teams = self.rows.seen(Team, scope)

        async def ids(query: Any) -> list[int]:
            return [object.id for object in await query.order_by("id")]

        with_player = [row.id for row in teams if any(each.n == n for each in self.rows.players(row.id, across))]
        assert await ids(self.query(Team, scope).filter(players__n=n)) == with_player
        assert await ids(self.query(Team, scope).filter(Team.players.any(Player.n == n))) == with_player
        without = [row.id for row in teams if row.id not in with_player]
        assert await ids(self.query(Team, scope).exclude(players__n=n)) == without
        with_badge = [row.id for row in teams if any(each.n == n for each in self.rows.badges(row.id, across))]
        assert await ids(self.query(Team, scope).filter(Q(badges__n=n))) == with_badge
        players = [
            row.id for row in self.rows.seen(Player, scope) if (team := self.rows.team(row, across)) and team.n == n
        ]
        assert await ids(self.query(Player, scope).filter(team__n=n)) == players
        assert await ids(self.query(Player, scope).filter(Player.team.has(Team.n == n))) == players

    async def aggregates(self) -> None:
        scope = self.scope()
        across = inner(scope)
        for team in await self.query(Team, scope).annotate(count=Count("players"), total=Sum("players__n")):
            players = self.rows.players(team.id, across)
            assert (team.count, team.total or 0) == (len(players), sum(row.n for row in players))
        self.session.expunge_all()
        answer = await self.query(Team, scope).aggregate(count=Count("badges"))
        assert answer["count"] == sum(len(self.rows.badges(row.id, across)) for row in self.rows.seen(Team, scope))

    async def joins(self) -> None:
        pairs = [(row.id, team.id if (team := self.rows.team(row)) else None) for row in self.rows.seen(Player)]
        both = select(Player.id, Team.id).order_by(Player.id)

        async def answer(statement: Any) -> list[tuple[Any, ...]]:
            return [tuple(row) for row in (await self.session.execute(statement)).all()]

        inner_pairs = [pair for pair in pairs if pair[1] is not None]
        assert await answer(both.join(Player.team)) == inner_pairs
        assert await answer(both.where(Team.id == Player.team_id)) == inner_pairs
        assert await answer(both.outerjoin(Player.team)) == pairs
        full = await answer(both.outerjoin(Team, Team.id == Player.team_id, full=True))
        lonely = {row.id for row in self.rows.seen(Team)} - {team for _, team in pairs}
        assert sorted(full, key=str) == sorted(pairs + [(None, team) for team in lonely], key=str)
        numbers = select(func.count(Player.id)).where(Player.team_id == Team.id).scalar_subquery()
        counted = [(row.id, len(self.rows.players(row.id))) for row in self.rows.seen(Team)]
        assert await answer(select(Team.id, numbers).order_by(Team.id)) == counted

    async def run(self) -> None:
        writes: list[Callable[[], Any]] = [
            *[self.insert] * 4,
            *[self.mark] * 4,
            self.set_verb,
            self.set_verb_across,
            self.delete_rows,
            self.delete_team,
            self.end,
        ]
        reads = [self.read, self.get, self.eager, self.lookups, self.aggregates, self.joins]
        async with AsyncSession(self.db) as self.session:
            for _ in range(STEPS):
                step = self.random.choice([*writes, *reads])
                await step()
            await self.session.commit()
        for cls, rows in self.rows.of.items():
            found = await self.db.execute(f"SELECT id, n, deleted_at FROM {cls.__tablename__} ORDER BY id")
            assert [(id, n, gone is not None) for id, n, gone in found.tuples()] == [
                (row.id, row.n, row.gone) for row in sorted(rows.values(), key=lambda row: row.id)
            ]


@pytest.mark.parametrize("seed", range(PROGRAMS))
async def test_no_way_of_reading_finds_a_marked_row(engine, seed):
    await Base.metadata.create_all(engine)
    await Program(f"soft delete {seed}", engine).run()
