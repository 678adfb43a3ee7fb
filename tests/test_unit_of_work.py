"""The unit of work against a model of it: random programs whose rows and objects are predicted in plain Python.

A failure names its seed; `ORMKIT_FUZZ_SEEDS=1000:9000` runs other programs than the usual ones.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import warnings
from dataclasses import dataclass, field
from typing import Any

import pytest
from library import Author, Base, Book

from ormkit import AsyncSession, InvalidRequestError, NotLoadedError, UniqueViolation, selectinload

STEPS = 25


class Undo(Exception):
    """Ends a block so that it is rolled back."""


@dataclass(eq=False)
class Node:
    """What is known of one object."""

    object: Any
    text: str
    author: Node | None = None
    state: str = "transient"  # pending, stored, gone
    marked: bool = False

    @property
    def is_author(self) -> bool:
        return isinstance(self.object, Author)


Rows = dict[Node, tuple[str, "Node | None"]]


@dataclass
class Program:
    """A random program on one session, and what must come of it."""

    db: Any
    seed: int
    nodes: list[Node] = field(default_factory=list)
    rows: Rows = field(default_factory=dict)  # as flushed
    committed: Rows = field(default_factory=dict)
    in_transaction: bool = False
    depth: int = 0
    wrote: bool = False
    """A set verb has written in the open transaction: its rollback unloads objects."""
    log: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.session = AsyncSession(self.db)
        self.numbers = iter(range(1_000_000))
        self.keys = iter(range(-1, -1_000_000, -1))

    # Choosing.

    def pick(self, *states: str, author: bool | None = None) -> Node | None:
        found = [n for n in self.nodes if n.state in states and author in (None, n.is_author)]
        return self.random.choice(found) if found else None

    def note(self, *words: object) -> None:
        names = {node: f"{'a' if node.is_author else 'b'}{at}" for at, node in enumerate(self.nodes)}
        self.log.append(" ".join(names.get(word, str(word)) if isinstance(word, Node) else str(word) for word in words))

    # Steps that only change memory.

    def make(self) -> Node:
        text = f"t{next(self.numbers)}"
        new = Author(name=text) if self.random.random() < 0.4 else Book(title=text)
        node = Node(new, text)
        self.nodes.append(node)
        return node

    def step_make(self) -> None:
        node = self.make()
        self.note("make", node)
        if self.random.random() < 0.7:
            self.add(node)

    def add(self, node: Node) -> None:
        self.note("add", node)
        self.session.add(node.object)
        node.marked = False
        if node.state == "transient":
            node.state = "pending"

    def step_write(self) -> None:
        if node := self.pick("transient", "pending", "stored"):
            node.text = f"t{next(self.numbers)}"
            self.note("write", node, node.text)
            setattr(node.object, "name" if node.is_author else "title", node.text)

    def step_refer(self) -> None:
        book = self.pick("transient", "pending", "stored", author=False)
        author = self.pick("transient", "pending", "stored", author=True)
        if book is None:
            return
        if self.random.random() < 0.3:
            author = None
        self.note("refer", book, author)
        book.object.author = author and author.object
        book.author = author

    def step_list(self) -> None:
        author = self.pick("transient", "pending", "stored", author=True)
        book = self.pick("transient", "pending", "stored", author=False)
        if author is None or book is None:
            return
        held = [node for node in self.nodes if node.author is author]
        match self.random.randrange(4):
            case 0:
                self.note("append", author, book)
                author.object.books.add(book.object)
                book.author = author
            case 1 if held:
                gone = self.random.choice(held)
                self.note("take out", author, gone)
                author.object.books.remove(gone.object)
                gone.author = None
            case 2:
                self.note("clear", author)
                author.object.books.clear()
                for gone in held:
                    gone.author = None
            case 3:
                self.note("assign", author, book)
                author.object.books = [book.object]
                for gone in held:
                    gone.author = None
                book.author = author

    def step_delete(self) -> None:
        node = self.pick("transient", "pending", "stored")
        if node is None:
            return
        self.note("delete", node)
        if node.state == "stored":
            self.session.delete(node.object)
            node.marked = True
        else:
            with pytest.raises(InvalidRequestError):
                self.session.delete(node.object)

    def step_add(self) -> None:
        if node := self.pick("transient", "stored"):
            self.add(node)

    def step_look(self) -> None:
        self.note("look")
        new = {id(found) for found in self.session.new}
        assert new == {id(node.object) for node in self.nodes if node.state == "pending" or node in self.reached()}
        deleted = {id(found) for found in self.session.deleted}
        assert deleted == {id(node.object) for node in self.nodes if node.marked}

    # What a flush does.

    def reached(self) -> list[Node]:
        """New objects that those of the session relate to: the next flush writes them."""
        reached: list[Node] = []
        ours = [node for node in self.nodes if node.state in ("pending", "stored")]
        while ours:
            node = ours.pop()
            related = [other for other in self.nodes if other.author is node]
            if node.author is not None:
                related.append(node.author)
            for other in related:
                if other.state == "transient" and other not in reached:
                    reached.append(other)
                    ours.append(other)
        return reached

    def flushed(self) -> None:
        for node in self.reached():
            node.state = "pending"
        for node in self.nodes:
            if node.marked:
                node.state, node.marked = "gone", False
                self.rows.pop(node, None)
                node.author = None
                for book in self.nodes:
                    if book.author is node and book.state != "gone":
                        book.author = None
        for node in self.nodes:
            if node.state in ("pending", "stored"):
                node.state = "stored"
                self.rows[node] = (node.text, node.author)
        self.in_transaction = True

    def kept(self) -> None:
        self.committed = dict(self.rows)
        self.in_transaction = self.wrote = False

    async def undone(self, rows: Rows) -> None:
        """What is not in `rows` is forgotten, the rest is what it was."""
        if self.wrote:
            await self.session.query(Author).options(selectinload(Author.books)).all()
            await self.session.query(Book).options(selectinload(Book.author)).all()
            self.wrote = self.depth > 0
        for node in self.nodes:
            if node not in rows and node.state in ("pending", "stored"):
                assert node.object not in self.session
        self.rows, self.nodes = dict(rows), list(rows)
        for node, (text, author) in rows.items():
            node.text, node.author, node.state, node.marked = text, author, "stored", False

    # Steps that talk to the database.

    async def step_flush(self) -> None:
        self.note("flush")
        await self.session.flush()
        if self.session.in_transaction():
            self.flushed()

    async def chosen(self, author: bool | None = None) -> Node | None:
        """A stored object of which nothing waits to be written."""
        await self.step_flush()
        return self.pick("stored", author=author)

    def written(self, *nodes: Node) -> None:
        """A verb has written these, in the open transaction or for good."""
        for rows in [self.rows] if self.session.in_transaction() else [self.rows, self.committed]:
            for node in nodes:
                rows.pop(node, None)
                if node.state == "stored":
                    rows[node] = (node.text, node.author)

    async def step_expire(self) -> None:
        """Expired attributes are unloaded, their changes dropped, and filled again in one of the ways to do so."""
        if not (node := await self.chosen()):
            return
        relation = Author.books if node.is_author else Book.author
        way = self.random.randrange(4)
        self.note("expire", node, way)
        setattr(node.object, "name" if node.is_author else "title", "dropped")
        self.session.expire(node.object)
        with pytest.raises(NotLoadedError):
            _ = node.object.name if node.is_author else node.object.title
        if way == 0:
            await self.session.refresh(node.object)
        elif way == 1:
            await self.session.get(type(node.object), node.object.id)
        elif way == 2:
            await self.session.query(type(node.object)).options(selectinload(relation)).all()
        await self.session.load(node.object, relation, "name" if node.is_author else "title")

    async def step_refresh(self) -> None:
        if node := await self.chosen():
            self.note("refresh", node)
            setattr(node.object, "name" if node.is_author else "title", "dropped")
            with self.session.no_autoflush:
                await self.session.refresh(node.object)

    async def step_key(self) -> None:
        """The key of an object to which no row refers."""
        node = await self.chosen()
        if node and not any(author is node for _, author in self.rows.values()):
            self.note("key", node)
            node.object.id = next(self.keys)

    async def step_merge(self) -> None:
        if not (node := await self.chosen()):
            return
        node.text = f"t{next(self.numbers)}"
        self.note("merge", node, node.text)
        given = (
            Author(id=node.object.id, name=node.text) if node.is_author else Book(id=node.object.id, title=node.text)
        )
        assert await self.session.merge(given) is node.object
        assert given not in self.session

    async def step_set(self) -> None:
        """A set verb writes, and the objects follow."""
        if not (node := await self.chosen()):
            return
        new = f"t{next(self.numbers)}"
        self.note("set", node, new)
        if node.is_author:
            assert await self.session.query(Author).filter(name=node.text).update(name=new) == 1
        else:
            assert await self.session.query(Book).filter(title=node.text).update(title=new) == 1
        node.text = new
        self.wrote = self.session.in_transaction()
        self.written(node)

    async def step_sweep(self) -> None:
        """A set verb deletes a book."""
        if not (node := await self.chosen(author=False)):
            return
        self.note("sweep", node)
        assert await self.session.query(Book).filter(title=node.text).delete() == 1
        node.state, node.author = "gone", None
        self.wrote = self.session.in_transaction()
        self.written(node)

    async def step_upsert(self) -> None:
        """Into a row that the session holds, or a new one."""
        node = await self.chosen(author=True) if self.random.random() < 0.6 else None
        given = Author(name=node.text if node else f"t{next(self.numbers)}", born=self.random.randrange(9))
        self.note("upsert", node, given.name)
        found = await self.session.upsert(given, "name")
        if node is None:
            node = Node(given, given.name, state="stored")
            self.nodes.append(node)
        assert found is node.object
        assert found.born == given.born
        self.written(node)

    async def step_commit(self) -> None:
        if self.depth:
            return
        self.note("commit")
        await self.session.commit()
        self.flushed()
        self.kept()
        await self.check_rows()

    async def step_rollback(self) -> None:
        if self.depth:
            return
        self.note("rollback")
        await self.session.rollback()
        self.in_transaction = False
        await self.undone(self.committed)

    async def step_cancel(self) -> None:
        """A flush that is cancelled on its way, and the rollback that it asks for."""
        if self.depth:
            return
        turns = self.random.randrange(4)
        self.note("cancel", turns)
        flushing = asyncio.ensure_future(self.session.flush())
        for _ in range(turns):
            await asyncio.sleep(0)
        flushing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await flushing
        await self.step_rollback()

    async def step_block(self) -> None:
        """A block of begin(), in a transaction a savepoint, that is kept or undone."""
        if self.depth >= 2:
            return
        undo = self.random.random() < 0.5
        self.note("block {", "undo" if undo else "keep")
        outermost = self.depth == 0
        before: Rows = self.committed
        self.depth += 1
        with contextlib.suppress(Undo):
            async with self.session.begin():
                if not outermost:
                    self.flushed()  # a savepoint writes what waits before it
                    before = dict(self.rows)
                self.in_transaction = True
                for _ in range(self.random.randrange(6)):
                    await self.step()
                if undo:
                    raise Undo
        self.depth -= 1
        self.note("}")
        if undo:
            await self.undone(before)
        else:
            self.flushed()
        if outermost:
            self.in_transaction = False
            if not undo:
                self.kept()
                await self.check_rows()

    async def step_remove(self) -> None:
        """A verb writes one object and leaves the rest pending."""
        node = self.pick("stored", author=False)
        if node is None:
            return
        self.note("remove", node)
        await self.session.remove(node.object)
        if node.author is not None and node.author.state == "transient":
            node.author.state = "pending"
        node.state, node.marked, node.author = "gone", False, None
        self.rows.pop(node, None)
        if not self.in_transaction:
            self.committed.pop(node, None)

    async def step_fail(self) -> None:
        """A verb that fails alone changes nothing; in a transaction it asks for a rollback."""
        if self.depth or not (twin := next((node for node in self.committed if node.is_author), None)):
            return
        self.note("fail")
        other = Author(name="unlike")
        with pytest.raises(UniqueViolation):
            await self.session.insert_all(
                [other, Author(name=self.committed[twin][0]), Author(name=self.committed[twin][0])]
            )
        assert other not in self.session
        if self.in_transaction:
            await self.step_rollback()

    async def step_move(self) -> None:
        """All objects go to another session: detached and added again, or read anew."""
        if self.depth:
            return
        await self.step_commit()
        self.nodes = [node for node in self.nodes if node.state == "stored"]
        anew = self.random.random() < 0.5
        self.note("move", "anew" if anew else "detached")
        await self.session.close()
        self.session = AsyncSession(self.db)
        if anew:
            found = await self.session.query(Author).options(selectinload(Author.books)).all()
            objects = {found.name: found for found in found}
            objects |= {
                found.title: found for found in await self.session.query(Book).options(selectinload(Book.author)).all()
            }
            for node in self.nodes:
                node.object = objects[node.text]
            return
        for _ in range(self.random.randrange(4)):
            self.random.choice([self.step_write, self.step_refer, self.step_list])()
        order = list(self.nodes)
        self.random.shuffle(order)
        for node in order:
            self.session.add(node.object)

    async def step(self) -> None:
        steps = {
            self.step_make: 5, self.step_write: 4, self.step_refer: 4, self.step_list: 5, self.step_delete: 3,
            self.step_add: 1, self.step_look: 1, self.step_flush: 2, self.step_commit: 2, self.step_rollback: 1,
            self.step_cancel: 1, self.step_block: 1, self.step_remove: 1, self.step_fail: 1, self.step_move: 1,
            self.step_expire: 1, self.step_refresh: 1, self.step_key: 1, self.step_merge: 1, self.step_set: 1,
            self.step_sweep: 1, self.step_upsert: 1,
        }  # fmt: skip
        [step] = self.random.choices(list(steps), list(steps.values()))
        done = step()
        if done is not None:
            await done
        self.check_objects()

    async def run(self) -> None:
        for _ in range(STEPS):
            await self.step()
        await self.step_commit()
        await self.session.close()

    # Comparing.

    def check_objects(self) -> None:
        for node in self.nodes:
            if node.state == "gone":
                continue
            if node.is_author:
                assert node.object.name == node.text
                held = {id(book) for book in node.object.books}
                assert held == {id(other.object) for other in self.nodes if other.author is node}, node
            else:
                assert node.object.title == node.text
                assert node.object.author is (node.author and node.author.object), node

    async def check_rows(self) -> None:
        found = (await self.db.execute("SELECT name FROM authors")).tuples()
        assert sorted(found) == sorted((text,) for node, (text, _) in self.committed.items() if node.is_author)
        sql = "SELECT title, name FROM books LEFT JOIN authors ON authors.id = author_id"
        found = (await self.db.execute(sql)).tuples()
        expected = [
            (text, author and self.committed[author][0])
            for node, (text, author) in self.committed.items()
            if not node.is_author
        ]
        assert sorted(found, key=str) == sorted(expected, key=str)


def seeds(database: str) -> range:
    if given := os.environ.get("ORMKIT_FUZZ_SEEDS"):
        first, last = given.split(":")
        return range(int(first), int(last))
    return range(300 if database == "sqlite" else 60)


async def test_random_programs_do_what_the_model_says(engine):
    await Base.metadata.create_all(engine)
    warnings.simplefilter("error")
    for seed in seeds("postgresql" if engine.is_postgres() else "sqlite"):
        await engine.execute("DELETE FROM books")
        await engine.execute("DELETE FROM authors")
        program = Program(engine, seed)
        try:
            await program.run()
        except BaseException as error:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                await program.session.close()
            raise AssertionError(f"seed {seed}:\n" + "\n".join(program.log)) from error
