"""Eager loads of random graphs: composite keys, a tree, two references to one table; nested and mixed, both databases."""

from __future__ import annotations

import random
from typing import Any

import pytest

from ormkit import (
    AsyncSession,
    DeclarativeBase,
    ForeignKey,
    ForeignKeyConstraint,
    Mapped,
    defaultload,
    joinedload,
    mapped_column,
    noload,
    relationship,
    selectinload,
)


class Base(DeclarativeBase):
    __abstract__ = True


class Region(Base):
    __tablename__ = "graph_regions"
    country: Mapped[str] = mapped_column(primary_key=True)
    code: Mapped[int] = mapped_column(primary_key=True)
    cities: Mapped[list[City]] = relationship(back_populates="region")


class City(Base):
    __tablename__ = "graph_cities"
    __table_args__ = (ForeignKeyConstraint(["country", "code"], ["graph_regions.country", "graph_regions.code"]),)
    id: Mapped[int] = mapped_column(primary_key=True)
    country: Mapped[str | None]
    code: Mapped[int | None]
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("graph_cities.id"))
    region: Mapped[Region | None] = relationship(back_populates="cities")
    parent: Mapped[City | None] = relationship(back_populates="parts", remote_side="City.id")
    parts: Mapped[list[City]] = relationship(back_populates="parent")
    residents: Mapped[list[Person]] = relationship(back_populates="home", foreign_keys="Person.home_id")
    workers: Mapped[list[Person]] = relationship(back_populates="work", foreign_keys="Person.work_id")


class Person(Base):
    __tablename__ = "graph_people"
    id: Mapped[int] = mapped_column(primary_key=True)
    home_id: Mapped[int | None] = mapped_column(ForeignKey("graph_cities.id"))
    work_id: Mapped[int | None] = mapped_column(ForeignKey("graph_cities.id"))
    home: Mapped[City | None] = relationship(back_populates="residents", foreign_keys="Person.home_id")
    work: Mapped[City | None] = relationship(back_populates="workers", foreign_keys="Person.work_id")


Key = tuple[Any, ...]
Plan = list[tuple[str, str, "Plan"]]

MODELS: dict[str, type] = {"Region": Region, "City": City, "Person": Person}
RELATIONS = {
    "Region": {"cities": "City"},
    "City": {"region": "Region", "parent": "City", "parts": "City", "residents": "Person", "workers": "Person"},
    "Person": {"home": "City", "work": "City"},
}
MANY = {"cities", "parts", "residents", "workers"}
LOADERS = {"selectin": selectinload, "joined": joinedload, "default": defaultload}


class World:
    """Rows, and what relates to what by them."""

    def __init__(self, seed: int) -> None:
        chance = random.Random(seed)

        def maybe(value: Any) -> Any:
            return None if chance.random() < 0.2 else value

        self.regions = [(country, code) for country in ("de", "fr") for code in (1, 2, 3)]
        self.cities: dict[int, dict[str, Any]] = {}
        for at in range(1, 16):
            country, code = chance.choice([*self.regions, (None, None), ("de", None)])
            parent = maybe(chance.randrange(1, at)) if at > 1 else None
            self.cities[at] = {"country": country, "code": code, "parent_id": parent}
        self.people = {
            at: {"home_id": maybe(chance.randrange(1, 16)), "work_id": maybe(chance.randrange(1, 16))}
            for at in range(1, 21)
        }

    def objects(self) -> list[Any]:
        regions = [Region(country=country, code=code) for country, code in self.regions]
        cities = [City(id=at, **row) for at, row in self.cities.items()]
        return [*regions, *cities, *(Person(id=at, **row) for at, row in self.people.items())]

    def keys(self, model: str) -> list[Key]:
        if model == "Region":
            return list(self.regions)
        return [(at,) for at in (self.cities if model == "City" else self.people)]

    def related(self, model: str, key: Key, relation: str) -> Any:
        """The keys of a list, or the key of a reference."""
        match relation:
            case "cities":
                return [(at,) for at, row in self.cities.items() if (row["country"], row["code"]) == key]
            case "region":
                row = self.cities[key[0]]
                return None if None in (row["country"], row["code"]) else (row["country"], row["code"])
            case "parts":
                return [(at,) for at, row in self.cities.items() if row["parent_id"] == key[0]]
            case "parent":
                parent = self.cities[key[0]]["parent_id"]
                return parent and (parent,)
            case "residents" | "workers":
                column = "home_id" if relation == "residents" else "work_id"
                return [(at,) for at, row in self.people.items() if row[column] == key[0]]
            case _:
                city = self.people[key[0]][f"{relation}_id"]
                return city and (city,)


def key_of(model: str, found: Any) -> Key:
    return (found.country, found.code) if model == "Region" else (found.id,)


def random_plan(chance: random.Random, model: str, depth: int) -> Plan:
    if depth == 0:
        return []
    names = chance.sample(list(RELATIONS[model]), chance.randrange(1, len(RELATIONS[model]) + 1))
    return [
        (name, chance.choice(["selectin", "joined"]), random_plan(chance, RELATIONS[model][name], depth - 1))
        for name in names[:3]
    ]


def options(model: str, plan: Plan, before: Any = None) -> list[Any]:
    """Chains of loaders, one for each path that ends."""
    chains = []
    for name, way, below in plan:
        attribute = getattr(MODELS[model], name)
        step = getattr(before, f"{way}load")(attribute) if before is not None else LOADERS[way](attribute)
        chains += options(RELATIONS[model][name], below, step) if below else [step]
    return chains


def check(world: World, model: str, found: Any, plan: Plan, seen: dict[tuple[str, Key], Any]) -> None:
    key = key_of(model, found)
    assert seen.setdefault((model, key), found) is found, "one object per key"
    for name, _, below in plan:
        value, expected = getattr(found, name), world.related(model, key, name)
        target = RELATIONS[model][name]
        if name in MANY:
            assert sorted(key_of(target, member) for member in value) == sorted(expected), (model, key, name)
        else:
            assert (value and key_of(target, value)) == expected, (model, key, name)
        for member in value if name in MANY else [value] if value is not None else []:
            check(world, target, member, below, seen)


@pytest.mark.parametrize("seed", range(12))
async def test_random_plans_load_what_the_rows_say(engine, seed):
    world, chance = World(seed), random.Random(seed)
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        await session.insert_all(world.objects())
    for _ in range(12):
        model = chance.choice(list(MODELS))
        plan = random_plan(chance, model, chance.randrange(1, 4))
        async with AsyncSession(engine) as session:
            # Objects that are held already are completed, and keep their identity.
            held = [
                await session.get(MODELS[other], key if len(key) > 1 else key[0])
                for other in MODELS
                for key in chance.sample(world.keys(other), 3)
            ]
            seen = {(type(found).__name__, key_of(type(found).__name__, found)): found for found in held}
            found = await session.query(MODELS[model]).options(*options(model, plan)).all()
            assert sorted(key_of(model, one) for one in found) == sorted(world.keys(model))
            for one in found:
                check(world, model, one, plan, seen)
            # A limit counts objects, whatever is joined to them.
            limited = (
                await session.query(MODELS[model])
                .options(*options(model, plan))
                .order_by("id" if model != "Region" else "code")
                .limit(4)
            )
            assert len(limited) == len({id(one) for one in limited}) == 4
            for one in limited:
                check(world, model, one, plan, seen)
            assert list(session.dirty) == [] and list(session.new) == []


def ways(attribute: Any, target: str) -> list[tuple[str, Any]]:
    """Every strategy that loads a whole relation."""
    key = getattr(MODELS[target], "id" if target != "Region" else "code")
    return [
        ("selectin", selectinload(attribute)),
        ("joined", joinedload(attribute)),
        ("part that is all", selectinload(attribute.and_(key > 0))),
        ("joined part that is all", joinedload(attribute.and_(key > 0))),
        ("limit that is not reached", selectinload(attribute).order_by(key).limit(100)),
        ("keys alone", selectinload(attribute).load_only(key)),
        ("joined keys alone", joinedload(attribute).load_only(key)),
    ]


@pytest.mark.parametrize("seed", range(4))
async def test_every_strategy_loads_the_same(engine, seed):
    world, chance = World(seed), random.Random(seed)
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        await session.insert_all(world.objects())
    for model, relations in RELATIONS.items():
        for name, target in relations.items():
            attribute = getattr(MODELS[model], name)
            for way, option in ways(attribute, target):
                async with AsyncSession(engine) as session:
                    held = [await session.get(MODELS[model], world.keys(model)[0])] if chance.random() < 0.5 else []
                    below = random_plan(chance, target, 1)
                    query = session.query(MODELS[model]).options(option, *options(model, [(name, "default", below)]))
                    for found in await query.all():
                        check(world, model, found, [(name, way, below)], {})
                    assert len(held) < 2 and list(session.dirty) == [], way
            # By the session, after the fact: all at once, and by peers.
            for peers in (False, True):
                async with AsyncSession(engine) as session:
                    found = await session.query(MODELS[model]).all()
                    await session.load(found[0] if peers else found, attribute, peers=peers)
                    for one in found:
                        check(world, model, one, [(name, "load", [])], {})


@pytest.mark.parametrize("seed", range(4))
async def test_parts_and_limits_of_random_lists(engine, seed):
    world, chance = World(seed), random.Random(seed)
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        await session.insert_all(world.objects())
    for model, relations in RELATIONS.items():
        for name in MANY & relations.keys():
            attribute, target = getattr(MODELS[model], name), MODELS[relations[name]]
            least, limit, skipped = chance.randrange(12), chance.randrange(4), chance.randrange(2)
            part = attribute.and_(target.id > least)
            order = target.id.desc() if chance.random() < 0.5 else target.id
            for option, cut in [
                (joinedload(part).order_by(order), slice(None)),
                (selectinload(part).order_by(order), slice(None)),
                (selectinload(part).order_by(order).limit(limit), slice(limit)),
                (selectinload(part).order_by(order).offset(skipped).limit(limit), slice(skipped, skipped + limit)),
            ]:
                async with AsyncSession(engine) as session:
                    for one in await session.query(MODELS[model]).options(option).all():
                        ids = [at for (at,) in world.related(model, key_of(model, one), name) if at > least]
                        ids.sort(reverse=order is not target.id)
                        assert [member.id for member in getattr(one, name)] == ids[cut], (name, option)
                    assert list(session.dirty) == []


async def test_noload_beside_other_loads_of_the_same_table(engine):
    world = World(99)
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        await session.insert_all(world.objects())
    async with AsyncSession(engine) as session:
        cities = await session.query(City).options(noload(City.workers), selectinload(City.residents)).all()
        for city in cities:
            assert city.workers == []
            assert [(person.id,) for person in city.residents] == world.related("City", (city.id,), "residents")
        await session.commit()
    assert (await engine.execute("SELECT count(*) FROM graph_people WHERE work_id IS NULL")).scalar() == sum(
        row["work_id"] is None for row in world.people.values()
    )
