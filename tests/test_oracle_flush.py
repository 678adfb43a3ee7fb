"""Random graphs and edits, flushed by ormkit and by SQLAlchemy into databases of one schema: the same rows.

A failure names its seed; `ORMKIT_FUZZ_SEEDS=1000:9000` runs other programs than the usual ones.
"""

from __future__ import annotations

import os
import random
import warnings
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import sqlalchemy
import sqlalchemy.orm

import ormkit
from ormkit import AsyncSession

STEPS = 30
# The class, its list of others, their class and the other side.
LISTS = [
    ("Owner", "items", "Item", "owner"),
    ("Owner", "notes", "Note", "owner"),
    ("Item", "parts", "Part", "item"),
    ("Node", "children", "Node", "parent"),
    ("Code", "uses", "Use", "code"),
]
# The same through a junction: the class, its list, the class of the members and their list.
LINKED = [("Owner", "labels", "Label", "owners"), ("Node", "labels", "Label", "nodes")]
ORPHANS = {"items", "parts"}
TABLES = {
    "owners": "SELECT name, NULL FROM owners",
    "items": "SELECT items.name, owners.name FROM items LEFT JOIN owners ON owners.id = items.owner_id",
    "parts": "SELECT parts.name, items.name FROM parts LEFT JOIN items ON items.id = parts.item_id",
    "notes": "SELECT notes.name, owners.name FROM notes LEFT JOIN owners ON owners.id = notes.owner_id",
    "nodes": "SELECT nodes.name, up.name FROM nodes LEFT JOIN nodes AS up ON up.id = nodes.parent_id",
    "codes": "SELECT name, key FROM codes",
    "uses": "SELECT name, code_key FROM uses",
    "tags": "SELECT name, NULL FROM tags",
    "links": "SELECT links.name, owners.name || '/' || tags.name FROM links JOIN owners ON owners.id = links.owner_id"
    " JOIN tags ON tags.id = links.tag_id",
    "labels": "SELECT name, NULL FROM labels",
    "marks": "SELECT owners.name, labels.name FROM marks JOIN owners ON owners.id = marks.owner_id"
    " JOIN labels ON labels.id = marks.label_id",
    "stamps": "SELECT nodes.name, labels.name FROM stamps JOIN nodes ON nodes.id = stamps.node_id"
    " JOIN labels ON labels.id = stamps.label_id",
}
JUNCTIONS = ("Mark", "Stamp")
BOTH_WAYS = LINKED + [(kind, back, above, many) for above, many, kind, back in LINKED]


def classes(module: Any, orm: Any, base: Any) -> SimpleNamespace:
    """The models, in the words of one of the two libraries."""
    column, relation = orm.mapped_column, orm.relationship
    made = SimpleNamespace()

    def model(name: str, **body: Any) -> None:
        table = name.lower() + "s"
        key = {} if name in ("Code", "Link", *JUNCTIONS) else {"id": column(module.Integer, primary_key=True)}
        text = {} if name in JUNCTIONS else {"name": column(module.String, nullable=False)}
        if module is sqlalchemy and key:  # it deletes once more what has a key that was used before
            body["__table_args__"] = {"sqlite_autoincrement": True}
        body = {"__tablename__": table, "__module__": f"{__name__}.{module.__name__}", **key, **text, **body}
        setattr(made, name, type(base)(name, (base,), body))

    def reference(target: str, **options: Any) -> Any:
        return column(module.Integer, module.ForeignKey(target), **options)

    whole = "all, delete-orphan"
    model(
        "Owner",
        items=relation("Item", back_populates="owner", cascade=whole, uselist=True),
        notes=relation("Note", back_populates="owner", uselist=True),
        links=relation("Link", back_populates="owner", cascade=whole, uselist=True),
        labels=relation("Label", secondary="marks", back_populates="owners", uselist=True),
    )
    model(
        "Item",
        owner_id=reference("owners.id", nullable=False),
        owner=relation("Owner", back_populates="items", uselist=False),
        parts=relation("Part", back_populates="item", cascade=whole, uselist=True),
    )
    model(
        "Part",
        item_id=reference("items.id", nullable=False),
        item=relation("Item", back_populates="parts", uselist=False),
    )
    model(
        "Note",
        owner_id=reference("owners.id", nullable=True),
        owner=relation("Owner", back_populates="notes", uselist=False),
    )
    model(
        "Node",
        parent_id=reference("nodes.id", nullable=True),
        parent=relation("Node", back_populates="children", remote_side="Node.id", uselist=False),
        children=relation("Node", back_populates="parent", cascade="all", uselist=True),
        labels=relation("Label", secondary="stamps", back_populates="nodes", uselist=True),
    )
    model(
        "Label",
        code=column(module.String, unique=True, nullable=True),
        owners=relation("Owner", secondary="marks", back_populates="labels", uselist=True),
        nodes=relation("Node", secondary="stamps", back_populates="labels", uselist=True),
    )
    model(
        "Mark",
        owner_id=reference("owners.id", primary_key=True),
        label_id=reference("labels.id", primary_key=True),
    )
    column_of = {"ondelete": "CASCADE"}
    model(
        "Stamp",
        node_id=column(module.Integer, module.ForeignKey("nodes.id", **column_of), primary_key=True),
        label_id=column(module.Integer, module.ForeignKey("labels.id", **column_of), primary_key=True),
    )
    model(
        "Code",
        key=column(module.String, primary_key=True),
        uses=relation("Use", back_populates="code", uselist=True),
    )
    model(
        "Use",
        code_key=column(module.String, module.ForeignKey("codes.key", onupdate="CASCADE"), nullable=True),
        code=relation("Code", back_populates="uses", uselist=False),
    )
    model("Tag", links=relation("Link", back_populates="tag", cascade=whole, uselist=True))
    model(
        "Link",
        owner_id=reference("owners.id", primary_key=True),
        tag_id=reference("tags.id", primary_key=True),
        owner=relation("Owner", back_populates="links", uselist=False),
        tag=relation("Tag", back_populates="links", uselist=False),
    )
    return made


class OurBase(ormkit.DeclarativeBase):
    __abstract__ = True
    metadata = ormkit.MetaData()


class TheirBase(sqlalchemy.orm.DeclarativeBase):
    pass


OURS = classes(ormkit, ormkit, OurBase)
THEIRS = classes(sqlalchemy, sqlalchemy.orm, TheirBase)


@dataclass(eq=False)
class Both:
    """One object in both libraries."""

    kind: str
    name: str
    our: Any
    their: Any
    stored: bool = False
    added: bool = False  # by a call, not by a cascade


class Differ(Exception):
    """The two do not do the same."""


class NoOracle(Exception):
    """SQLAlchemy fails where ormkit goes on."""


class Program:
    """A random program on a session of each."""

    def __init__(self, engine: Any, other: Any, seed: int) -> None:
        self.random = random.Random(seed)
        self.ours, self.theirs = (
            AsyncSession(engine, autoflush=False),
            sqlalchemy.orm.Session(other, autoflush=False, expire_on_commit=False),
        )
        self.known: list[Both] = []
        self.numbers = iter(range(100_000))
        self.log: list[str] = []

    def pick(self, kind: str) -> Both | None:
        found = [one for one in self.known if one.kind == kind]
        return self.random.choice(found) if found else None

    def make(self, kind: str, **values: Any) -> Both:
        name = f"{kind.lower()}{next(self.numbers)}"
        values["name"] = name
        ours = {key: value.our if isinstance(value, Both) else value for key, value in values.items()}
        theirs = {key: value.their if isinstance(value, Both) else value for key, value in values.items()}
        made = Both(kind, name, getattr(OURS, kind)(**ours), getattr(THEIRS, kind)(**theirs))
        self.known.append(made)
        self.log.append(f"{name} = {kind}({', '.join(values)})")
        return made

    def add(self, one: Both) -> None:
        self.log.append(f"add({one.name})")
        one.added = True
        self.ours.add(one.our)
        self.theirs.add(one.their)

    # Steps.

    def step_new(self) -> None:
        kind = self.random.choice(["Owner", "Owner", "Note", "Node", "Code", "Use", "Tag", "Label"])
        values = {"key": f"k{next(self.numbers)}"} if kind == "Code" else {}
        self.add(self.make(kind, **values))

    def step_child(self) -> None:
        above, many, kind, one = self.random.choice(LISTS)
        parent = self.pick(above)
        if parent is None:
            return
        if self.random.random() < 0.5:
            child = self.make(kind)
            self.append(parent, many, child)
        else:
            child = self.make(kind, **{one: parent})
            self.add(child)

    def append(self, parent: Both, many: str, child: Both) -> None:
        self.log.append(f"{parent.name}.{many}.append({child.name})")
        getattr(parent.our, many).append(child.our)
        getattr(parent.their, many).append(child.their)

    def step_link(self) -> None:
        owner, tag = self.pick("Owner"), self.pick("Tag")
        if owner is None or tag is None or any(link.tag is tag.their for link in owner.their.links):
            return
        self.add(self.make("Link", owner=owner, tag=tag))

    def step_tie(self) -> None:
        above, many, kind, back = self.random.choice(LINKED)
        one, other = self.pick(above), self.pick(kind)
        if one is None or other is None:
            return
        if self.random.random() < 0.5:
            one, many, other = other, back, one
        verb = "remove" if other.their in getattr(one.their, many) else "append"
        self.log.append(f"{one.name}.{many}.{verb}({other.name})")
        getattr(getattr(one.our, many), verb)(other.our)
        getattr(getattr(one.their, many), verb)(other.their)

    def is_above(self, one: Any, other: Any) -> bool:
        while other is not None:
            if other is one:
                return True
            other = other.parent
        return False

    def step_move(self) -> None:
        above, many, kind, one = self.random.choice(LISTS)
        parent, child = self.pick(above), self.pick(kind)
        if parent is None or child is None or getattr(child.their, one) is parent.their:
            return
        if many in ORPHANS and not child.stored:
            return  # SQLAlchemy loses some of them
        if kind == "Node" and self.is_above(child.their, parent.their):
            return
        if self.random.random() < 0.5:
            self.append(parent, many, child)
            return
        self.log.append(f"{child.name}.{one} = {parent.name}")
        setattr(child.our, one, parent.our)
        setattr(child.their, one, parent.their)

    def step_take_out(self) -> None:
        _, many, kind, one = self.random.choice(LISTS)
        child = self.pick(kind)
        above_it = None if child is None else getattr(child.their, one)
        if child is None or above_it is None or not (child.stored or (child.added and many not in ORPHANS)):
            return
        parent = next((other for other in self.known if other.their is above_it), None)
        if parent is None:  # SQLAlchemy goes on to refer to a deleted one
            return
        if many in ORPHANS or self.random.random() < 0.5:
            self.log.append(f"{parent.name}.{many}.remove({child.name})")
            getattr(parent.our, many).remove(child.our)
            getattr(parent.their, many).remove(child.their)
        else:
            self.log.append(f"{child.name}.{one} = None")
            setattr(child.our, one, None)
            setattr(child.their, one, None)

    def step_rename(self) -> None:
        if self.known:
            one = self.random.choice(self.known)
            name = f"n{next(self.numbers)}"
            self.log.append(f"{one.name}.name = {name}")
            one.our.name = one.their.name = one.name = name

    def step_key(self) -> None:
        one = self.pick("Code")
        if one is not None and one.stored:
            key = f"k{next(self.numbers)}"
            self.log.append(f"{one.name}.key = {key}")
            one.our.key = one.their.key = key

    async def step_delete(self) -> None:
        found = [one for one in self.known if one.stored]
        if not found:
            return
        one = self.random.choice(found)
        if sqlalchemy.inspect(one.their).modified:
            await self.step_flush()  # a changed key is written first; an addition to a list revokes SQLAlchemy's delete
        if not one.stored:
            return
        self.log.append(f"delete({one.name})")
        await self.ours.delete(one.our)
        try:
            self.theirs.delete(one.their)
        except sqlalchemy.exc.InvalidRequestError as error:
            raise NoOracle from error  # its list holds one that is deleted
        await self.step_flush()

    async def step_switch(self) -> None:
        """One goes and another takes its key, or its unique value, in one flush."""
        await self.step_flush()
        kind, field = self.random.choice([("Code", "key"), ("Label", "code")])
        old = self.pick(kind)
        if old is None or not old.stored:
            return
        if kind == "Label" and old.our.code is None:
            old.our.code = old.their.code = f"k{next(self.numbers)}"
            await self.step_flush()
        new = self.make(kind, **{field: getattr(old.our, field)})
        self.log.append(f"delete({old.name})")
        await self.ours.delete(old.our)
        self.theirs.delete(old.their)
        if kind == "Label":
            self.theirs.flush()  # it inserts first, else
        self.add(new)
        if kind == "Code" and self.random.random() < 0.5:
            for use in [one for one in self.known if one.kind == "Use" and one.their.code is old.their]:
                self.log.append(f"{use.name}.code = {new.name}")
                use.our.code, use.their.code = new.our, new.their
        if kind == "Label" and (owner := self.pick("Owner")) is not None:
            self.append(owner, "labels", new)
        await self.step_flush()

    async def step_flush(self) -> None:
        self.log.append("flush()")
        theirs = ours = None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                self.theirs.flush()
            except Exception as error:
                theirs = error
        try:
            await self.ours.flush()
        except ormkit.OrmkitError as error:
            ours = error
        if theirs is not None and ours is None:
            raise NoOracle  # SQLAlchemy inserts what a deleted parent takes along
        if (ours is None) != (theirs is None):
            raise Differ(f"ours: {ours!r}, theirs: {theirs!r}") from ours or theirs
        if ours is not None:
            await self.rollback()
            return
        await self.compare()
        self.forget()

    def forget(self) -> None:
        """Objects without a row are not gone on with; both agree on who has one."""
        for one in self.known:
            one.stored = sqlalchemy.inspect(one.their).persistent
            if (one.our in self.ours and one.our not in self.ours.new) is not one.stored:
                raise Differ(f"{one.name} has a row in {'theirs' if one.stored else 'ours'} alone")
        self.known = [one for one in self.known if one.stored]
        # SQLAlchemy leaves deleted objects in the lists that they were in.
        lists = [(one, many) for one in self.known for kind, many, _, _ in BOTH_WAYS if one.kind == kind]
        for one, many in lists:
            self.theirs.expire(one.their, [many])
        for one, many in lists:
            ours, theirs = (sorted(x.name for x in getattr(side, many)) for side in (one.our, one.their))
            if ours != theirs:
                raise Differ(f"{one.name}.{many}\nours:   {ours}\ntheirs: {theirs}")

    async def step_commit(self) -> None:
        await self.step_flush()
        self.log.append("commit()")
        self.theirs.commit()
        await self.ours.commit()

    async def rollback(self) -> None:
        self.log.append("rollback()")
        self.theirs.rollback()
        await self.ours.rollback()
        self.forget()
        await self.compare()

    async def step_rollback(self) -> None:
        await self.rollback()

    async def step_savepoint(self) -> None:
        await self.step_flush()
        keep = self.random.random() < 0.5
        self.log.append(f"savepoint, {'kept' if keep else 'undone'} {{")
        nested, inner = self.theirs.begin_nested(), self.ours.begin_nested()
        transaction = await inner.__aenter__()
        for _ in range(self.random.randint(1, 4)):
            self.random.choice(self.in_memory)()
        await self.step_flush()
        if nested.is_active:
            if keep:
                nested.commit()
            else:
                nested.rollback()
                await transaction.rollback()
            await inner.__aexit__(None, None, None)
        self.log.append("}")
        self.forget()
        await self.compare()

    @property
    def in_memory(self) -> list[Any]:
        new, child, move = [self.step_new] * 3, [self.step_child] * 5, [self.step_move] * 4
        return [
            *new,
            *child,
            *move,
            self.step_take_out,
            self.step_take_out,
            self.step_rename,
            self.step_link,
            self.step_tie,
            self.step_tie,
            self.step_tie,
            self.step_key,
        ]

    async def run(self) -> None:
        ends = [
            self.step_flush,
            self.step_delete,
            self.step_commit,
            self.step_rollback,
            self.step_savepoint,
            self.step_switch,
        ]
        for _ in range(STEPS):
            if self.random.random() < 0.7:
                self.random.choice(self.in_memory)()
            else:
                await self.random.choices(ends, [4, 4, 2, 1, 2, 2])[0]()
        await self.step_commit()

    async def compare(self) -> None:
        for table, sql in TABLES.items():
            ours = sorted(map(tuple, (await self.ours.execute(ormkit.text(sql))).all()), key=repr)
            theirs = sorted(map(tuple, self.theirs.execute(sqlalchemy.text(sql)).all()), key=repr)
            if ours != theirs:
                raise Differ(f"{table}\nours:   {ours}\ntheirs: {theirs}")


def seeds(is_postgres: bool) -> range:
    if given := os.environ.get("ORMKIT_FUZZ_SEEDS"):
        first, last = given.split(":")
        return range(int(first), int(last))
    return range(30 if is_postgres else 150)


def prepared(connection: Any, _: Any) -> None:
    connection.isolation_level = None  # the driver's own transactions know nothing of savepoints
    connection.execute("PRAGMA foreign_keys = ON")


async def test_rows_are_those_that_sqlalchemy_writes(engine):
    await OurBase.metadata.create_all(engine)
    unknown = 0
    for seed in seeds(engine.is_postgres()):
        for table in [
            "marks",
            "stamps",
            "labels",
            "links",
            "tags",
            "uses",
            "codes",
            "parts",
            "items",
            "notes",
            "owners",
        ]:
            await engine.execute(f"DELETE FROM {table}")
        await engine.execute("UPDATE nodes SET parent_id = NULL")
        await engine.execute("DELETE FROM nodes")
        other = sqlalchemy.create_engine("sqlite://")
        sqlalchemy.event.listen(other, "connect", prepared)
        sqlalchemy.event.listen(other, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
        TheirBase.metadata.create_all(other)
        program = Program(engine, other, seed)
        try:
            await program.run()
        except NoOracle:
            unknown += 1
        except BaseException as error:
            raise AssertionError(f"seed {seed}: {error}\n" + "\n".join(program.log)) from error
        finally:
            program.theirs.close()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                await program.ours.close()
            other.dispose()
    assert unknown < len(seeds(engine.is_postgres())) / 4
