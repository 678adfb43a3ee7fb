"""Random rows, some of which count as deleted: these are nowhere, whatever is asked, as a model in Python says."""

from __future__ import annotations

import random
from typing import Any

import pytest

from ormkit import (
    AsyncSession,
    Count,
    DeclarativeBase,
    F,
    ForeignKey,
    Mapped,
    Q,
    SoftDeleteMixin,
    contains_eager,
    func,
    joinedload,
    mapped_column,
    relationship,
    select,
    selectinload,
    true,
)


class Base(DeclarativeBase):
    __abstract__ = True


class Team(SoftDeleteMixin, Base):
    __tablename__ = "teams"
    id: Mapped[int] = mapped_column(primary_key=True)
    size: Mapped[int]
    members: Mapped[list[Member]] = relationship(back_populates="team", order_by="Member.id")


class Member(SoftDeleteMixin, Base):
    __tablename__ = "members"
    id: Mapped[int] = mapped_column(primary_key=True)
    size: Mapped[int]
    team_id: Mapped[int | None] = mapped_column(ForeignKey("teams.id"))
    team: Mapped[Team | None] = relationship(back_populates="members")
    skills: Mapped[list[Skill]] = relationship(secondary="member_skills", back_populates="members", order_by="Skill.id")


class Skill(SoftDeleteMixin, Base):
    __tablename__ = "skills"
    id: Mapped[int] = mapped_column(primary_key=True)
    size: Mapped[int]
    members: Mapped[list[Member]] = relationship(secondary="member_skills", back_populates="skills")


class World:
    """Rows and their marks, in Python."""

    def __init__(self, chance: random.Random) -> None:
        self.teams = {n: chance.randrange(4) for n in range(1, 6)}
        self.members = {n: (chance.randrange(4), chance.choice([None, *self.teams])) for n in range(1, 13)}
        self.skills = {n: chance.randrange(4) for n in range(1, 6)}
        self.links = {(m, s) for m in self.members for s in self.skills if chance.random() < 0.3}
        self.gone = {("t", n) for n in self.teams if chance.random() < 0.4}
        self.gone |= {("m", n) for n in self.members if chance.random() < 0.4}
        self.gone |= {("s", n) for n in self.skills if chance.random() < 0.4}

    def live(self, kind: str) -> list[int]:
        rows: Any = {"t": self.teams, "m": self.members, "s": self.skills}[kind]
        return [n for n in rows if (kind, n) not in self.gone]

    def team_of(self, member: int) -> int | None:
        team = self.members[member][1]
        return team if team is not None and ("t", team) not in self.gone else None

    def members_of(self, team: int) -> list[int]:
        return [m for m in self.live("m") if self.members[m][1] == team]

    def skills_of(self, member: int) -> list[int]:
        return [s for s in self.live("s") if (member, s) in self.links]

    async def write(self, session: AsyncSession) -> None:
        teams = {n: Team(id=n, size=size) for n, size in self.teams.items()}
        skills = {n: Skill(id=n, size=size) for n, size in self.skills.items()}
        members = {n: Member(id=n, size=size, team=team and teams[team]) for n, (size, team) in self.members.items()}
        for member, skill in self.links:
            members[member].skills.append(skills[skill])
        made = {"t": teams, "s": skills, "m": members}
        session.add_all([*teams.values(), *skills.values(), *members.values()])
        await session.flush()
        for kind, n in self.gone:
            made[kind][n].mark_deleted()
        await session.commit()
        session.expunge_all()


@pytest.mark.parametrize("seed", range(12))
async def test_marked_rows_are_nowhere(engine, seed):
    await Base.metadata.create_all(engine)
    chance = random.Random(seed)
    world = World(chance)
    async with AsyncSession(engine) as session:
        await world.write(session)

    async def rows(statement: Any) -> list[Any]:
        async with AsyncSession(engine) as session:
            return sorted((await session.execute(statement)).all(), key=repr)

    def plain(expected: Any) -> list[Any]:
        return sorted(expected, key=repr)

    pairs = [(m, world.team_of(m)) for m in world.live("m")]
    teams_pairs = [(t, m) for t in world.live("t") for m in world.members_of(t)]
    assert await rows(select(Member.id, Team.id).outerjoin(Member.team)) == plain(pairs)
    assert await rows(select(Member.id, Team.id).join(Member.team)) == plain([p for p in pairs if p[1]])
    assert await rows(select(Team.id, Member.id).join(Member, Member.team_id == Team.id)) == plain(teams_pairs)
    lonely = [(t, None) for t in world.live("t") if not world.members_of(t)]
    on = (Member.team_id == Team.id) | (Member.size == -1)
    assert await rows(select(Team.id, Member.id).outerjoin(Member, on)) == plain([*teams_pairs, *lonely])
    assert await rows(select(Team.id, Skill.id).join(Skill, true())) == plain(
        [(t, s) for t in world.live("t") for s in world.live("s")]
    )
    skilled = [(m, s) for m in world.live("m") for s in world.skills_of(m)]
    assert await rows(select(Member.id, Skill.id).join(Member.skills)) == plain(skilled)
    unskilled = [(m, None) for m in world.live("m") if not world.skills_of(m)]
    assert await rows(select(Member.id, Skill.id).outerjoin(Member.skills)) == plain([*skilled, *unskilled])
    size = chance.randrange(4)
    with_size = [(t,) for t in world.live("t") if any(world.members[m][0] == size for m in world.members_of(t))]
    assert await rows(select(Team.id).where(Team.members.any(Member.size == size))) == plain(with_size)
    inside = select(Member.team_id).where(Member.size == size)
    assert await rows(select(Team.id).where(Team.id.in_(inside))) == plain(with_size)
    sub = select(Member.team_id, func.count().label("n")).group_by(Member.team_id).subquery()
    counted = [(t, len(world.members_of(t))) for t in world.live("t") if world.members_of(t)]
    assert await rows(select(Team.id, sub.c.n).join(sub, sub.c.team_id == Team.id)) == plain(counted)
    cte = select(Member.team_id).where(Member.size == size).cte("sized")
    assert await rows(select(Team.id).where(Team.id.in_(select(cte.c.team_id)))) == plain(with_size)
    both = select(Team.id).union_all(select(Skill.id))
    assert await rows(both) == plain([(n,) for n in [*world.live("t"), *world.live("s")]])

    async with AsyncSession(engine) as session:
        query = session.query(Team)
        assert await query.count() == len(world.live("t"))
        found = await query.filter(members__size=size).order_by("id").all()
        assert [t.id for t in found] == sorted(t for (t,) in with_size)
        denied = await query.exclude(members__size=size).order_by("id").all()
        assert [t.id for t in denied] == [t for t in world.live("t") if (t,) not in with_size]
        annotated = await query.annotate(n=Count("members")).order_by("id").values_list("id", "n")
        assert annotated == [(t, len(world.members_of(t))) for t in world.live("t")]
        through = await session.query(Member).filter(skills__size=size).order_by("id").values_list("id", flat=True)
        assert through == [m for m in world.live("m") if any(world.skills[s] == size for s in world.skills_of(m))]
        across = await session.query(Member).filter(team__size=size).order_by("id").values_list("id", flat=True)
        assert across == [m for m in world.live("m") if world.team_of(m) and world.teams[world.team_of(m)] == size]
        total = await session.query(Member).aggregate(n=Count("skills"))
        assert total["n"] == len(skilled)
        marked = await session.query(Team).only_deleted().order_by("id").values_list("id", flat=True)
        assert marked == [t for t in world.teams if ("t", t) in world.gone]
        everything = await session.query(Team).with_deleted().filter(members__size=size).count()
        assert everything == len({team for m, (s, team) in world.members.items() if s == size and team})

    load = chance.choice([selectinload, joinedload])
    async with AsyncSession(engine) as session:
        options = load(Team.members).options(load(Member.skills))
        teams = (await session.scalars(select(Team).options(options).order_by(Team.id))).all()
        assert [(t.id, [m.id for m in t.members]) for t in teams] == [(t, world.members_of(t)) for t in world.live("t")]
        for team in teams:
            assert [[s.id for s in m.skills] for m in team.members] == [
                world.skills_of(m) for m in world.members_of(team.id)
            ]
    async with AsyncSession(engine) as session:
        limited = select(Team).options(joinedload(Team.members)).order_by(Team.id).limit(2)
        teams = (await session.scalars(limited)).all()
        assert [(t.id, [m.id for m in t.members]) for t in teams] == [
            (t, world.members_of(t)) for t in world.live("t")[:2]
        ]
    async with AsyncSession(engine) as session:
        first = select(Team).options(selectinload(Team.members).limit(1)).order_by(Team.id)
        teams = (await session.scalars(first)).all()
        assert [[m.id for m in t.members] for t in teams] == [world.members_of(t)[:1] for t in world.live("t")]
    async with AsyncSession(engine) as session:
        streamed = [
            m async for m in session.stream_scalars(select(Member).options(load(Member.team)).order_by(Member.id))
        ]
        assert [(m.id, m.team and m.team.id) for m in streamed] == sorted(pairs)
    async with AsyncSession(engine) as session:
        contained = select(Team).join(Team.members).options(contains_eager(Team.members)).order_by(Team.id, Member.id)
        teams = (await session.scalars(contained)).all()
        assert [(t.id, [m.id for m in t.members]) for t in teams] == [
            (t, ms) for t in world.live("t") if (ms := world.members_of(t))
        ]
    for kind, cls in (("t", Team), ("m", Member), ("s", Skill)):
        async with AsyncSession(engine) as session:
            for n in range(1, 13):
                found = await session.get(cls, n)
                assert (found is not None) == (n in world.live(kind))

    # Set verbs: those rows alone.
    async with AsyncSession(engine) as session:
        changed = await session.query(Member).filter(Q(size=size) | Q(team__size=size)).update(size=F("size") + 10)
        wanted = [
            m
            for m in world.live("m")
            if world.members[m][0] == size or (world.team_of(m) and world.teams[world.team_of(m)] == size)
        ]
        assert changed == len(wanted)
        marked = await session.query(Member).only_deleted().update(size=99)
        assert marked == len([m for m in world.members if ("m", m) in world.gone])
        assert await session.query(Member).with_deleted().filter(size=99).count() == marked
        assert await session.query(Member).filter(size=99).count() == 0
