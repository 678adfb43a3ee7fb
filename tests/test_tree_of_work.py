"""A tree with delete and delete-orphan cascades against a model of it: random programs, as in test_unit_of_work.py."""

from __future__ import annotations

import random
import warnings
from dataclasses import dataclass, field
from typing import Any

import pytest
from library import Base, Node
from test_unit_of_work import seeds

from ormkit import AsyncSession, RelationNotLoadedError, selectinload

STEPS = 18


@dataclass(eq=False)
class Twig:
    """What is known of one node."""

    object: Node
    name: str
    parent: Twig | None = None
    state: str = "transient"  # pending, stored, gone
    marked: bool = False
    """Marked for deletion."""
    orphan: bool = False
    """It has lost a parent since the last flush."""
    loaded: bool = True
    """Its list is."""


Rows = dict[Twig, tuple[str, "Twig | None"]]


@dataclass
class Program:
    db: Any
    seed: int
    twigs: list[Twig] = field(default_factory=list)
    rows: Rows = field(default_factory=dict)
    committed: Rows = field(default_factory=dict)
    log: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.session = AsyncSession(self.db)
        self.names = iter(range(1_000_000))
        self.keys = iter(range(-1, -1_000_000, -1))

    def pick(self, *states: str) -> Twig | None:
        found = [twig for twig in self.twigs if twig.state in states]
        return self.random.choice(found) if found else None

    def note(self, *words: object) -> None:
        self.log.append(" ".join(word.name if isinstance(word, Twig) else str(word) for word in words))

    def below(self, twig: Twig) -> list[Twig]:
        """A node and all that hang on it."""
        found = [twig]
        for other in found:
            found += [child for child in self.twigs if child.parent is other and child not in found]
        return found

    # Steps in memory.

    def step_make(self) -> None:
        name = f"n{next(self.names)}"
        twig = Twig(Node(name=name), name)
        self.twigs.append(twig)
        self.note("make", twig)
        if self.random.random() < 0.5:
            self.session.add(twig.object)
            twig.state = "pending"
            self.note("add", twig)

    def moved(self, twig: Twig, parent: Twig | None) -> None:
        # One that came and went between two flushes is what it was.
        twig.orphan = parent is None and twig in self.rows and self.rows[twig][1] is not None
        twig.parent = parent

    def step_move(self) -> None:
        child, parent = self.pick("transient", "pending", "stored"), self.pick("transient", "pending", "stored")
        if child is None or parent is None or parent in self.below(child) or child.parent is parent:
            return
        if parent.loaded and self.random.random() < 0.5:
            self.note("append", parent, child)
            parent.object.children.append(child.object)
        else:
            self.note("refer", child, parent)
            child.object.parent = parent.object
        self.moved(child, parent)

    def step_leave(self) -> None:
        child = self.pick("stored")
        if child is None or child.parent is None or child.parent.state == "gone":
            return
        if child.parent.loaded and self.random.random() < 0.5:
            self.note("take out", child)
            child.parent.object.children.remove(child.object)
        else:
            self.note("leave", child)
            child.object.parent = None
        self.moved(child, None)

    def step_delete(self) -> None:
        if twig := self.pick("stored"):
            self.note("delete", twig)
            self.session.delete(twig.object)
            twig.marked = True

    # What a flush does.

    def flushed(self) -> None:
        going = [
            twig
            for twig in self.twigs
            if twig.marked or (twig.state == "stored" and twig.orphan and twig.parent is None)
        ]
        gone: list[Twig] = []
        for twig in going:
            gone += [other for other in self.below(twig) if other not in gone]
        stays = [twig for twig in self.twigs if twig.state in ("pending", "stored") and twig not in gone]
        # The new parent of a child that goes all the same.
        stays += {
            twig.parent: None
            for twig in gone
            if twig.state == "stored" and twig.parent not in (None, *gone) and twig.parent.state == "transient"
        }
        for twig in stays:
            # A stored node's list takes new members along where it is known, a new node's always is.
            children = [child for child in self.twigs if child.parent is twig and twig.loaded]
            for other in [*children, *([twig.parent] if twig.parent else [])]:
                if other.state == "transient" and other not in stays and other not in gone:
                    stays.append(other)
        for twig in gone:
            twig.state, twig.marked, twig.orphan = ("gone" if twig.state == "stored" else "lost"), False, False
            self.rows.pop(twig, None)
        for twig in stays:
            twig.state, twig.orphan = "stored", False
            self.rows[twig] = (twig.name, twig.parent)
        self.twigs = [twig for twig in self.twigs if twig.state not in ("gone", "lost")]

    async def step_flush(self) -> None:
        self.note("flush")
        await self.session.flush()
        self.flushed()

    async def step_commit(self) -> None:
        self.note("commit")
        await self.session.commit()
        self.flushed()
        self.committed = dict(self.rows)
        await self.check_rows()

    async def chosen(self) -> Twig | None:
        """A stored node of which nothing waits to be written."""
        await self.step_flush()
        return self.pick("stored")

    async def step_expire(self) -> None:
        """What a node and those below it have loaded is forgotten; columns are read again, some of the lists as well."""
        if not (twig := await self.chosen()):
            return
        self.note("expire", twig)
        twig.object.name = "dropped"
        self.session.expire(twig.object)
        await self.session.query(Node).all()
        expired = [twig]
        for other in expired:
            if other.loaded:
                expired += [child for child in self.twigs if child.parent is other]
            other.loaded = False
        # A list that is loaded shows objects of the session alone.
        strangers = [child for child in self.twigs if child.parent is twig and child.state == "transient"]
        if self.random.random() < 0.5 and not strangers:
            await self.session.load(twig.object, Node.children)
            twig.loaded = True

    async def step_refresh(self) -> None:
        if twig := await self.chosen():
            self.note("refresh", twig)
            twig.object.name = "dropped"
            with self.session.no_autoflush:
                await self.session.refresh(twig.object)

    async def step_key(self) -> None:
        """The key of a leaf, which some steps later may be deleted by its old one."""
        twig = await self.chosen()
        if twig and not any(parent is twig for _, parent in self.rows.values()):
            self.note("key", twig)
            twig.object.id = next(self.keys)

    async def step_rollback(self) -> None:
        self.note("rollback")
        await self.session.rollback()
        self.rows, self.twigs = dict(self.committed), list(self.committed)
        for twig, (name, parent) in self.committed.items():
            twig.name, twig.parent, twig.state, twig.marked, twig.orphan = name, parent, "stored", False, False
            # A list that a deletion had to load may stay loaded.
            try:
                twig.loaded = twig.object.children is not None
            except RelationNotLoadedError:
                twig.loaded = False

    async def step_anew(self) -> None:
        """Another session, with some of the lists loaded."""
        await self.step_commit()
        self.twigs = [twig for twig in self.twigs if twig.state == "stored"]
        await self.session.close()
        self.session = AsyncSession(self.db)
        found = {node.name: node for node in await self.session.query(Node).all()}
        load = [twig.name for twig in self.twigs if self.random.random() < 0.5]
        await self.session.query(Node).filter(Node.name.in_(load)).options(selectinload(Node.children)).all()
        for twig in self.twigs:
            twig.object, twig.loaded = found[twig.name], twig.name in load
        self.note("anew, loaded:", *load)

    async def step(self) -> None:
        steps = {
            self.step_make: 4, self.step_move: 6, self.step_leave: 2, self.step_delete: 2,
            self.step_flush: 2, self.step_commit: 1, self.step_rollback: 1, self.step_anew: 1,
            self.step_expire: 1, self.step_refresh: 1, self.step_key: 1,
        }  # fmt: skip
        [step] = self.random.choices(list(steps), list(steps.values()))
        done = step()
        if done is not None:
            await done
        self.check_objects()

    def check_objects(self) -> None:
        for twig in self.twigs:
            if twig.loaded:
                held = {id(child) for child in twig.object.children}
                assert held == {id(other.object) for other in self.twigs if other.parent is twig}, twig.name
            assert twig.object.name == twig.name

    async def check_rows(self) -> None:
        sql = "SELECT child.name, parent.name FROM nodes child LEFT JOIN nodes parent ON parent.id = child.parent_id"
        found = (await self.db.execute(sql)).tuples()
        expected = [(name, parent and self.committed[parent][0]) for name, parent in self.committed.values()]
        assert sorted(found, key=str) == sorted(expected, key=str)

    async def run(self) -> None:
        for _ in range(STEPS):
            await self.step()
        await self.step_commit()
        await self.session.close()


async def test_random_programs_on_a_tree_do_what_the_model_says(engine):
    await Base.metadata.create_all(engine)
    for seed in seeds("postgresql" if engine.is_postgres() else "sqlite"):
        await engine.execute("DELETE FROM nodes")
        program = Program(engine, seed)
        try:
            await program.run()
        except BaseException as error:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                await program.session.close()
            pytest.fail(f"seed {seed}: {error!r}\n" + "\n".join(program.log))
