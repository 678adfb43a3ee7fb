"""Random statements over random models, in the words of ormkit or of SQLAlchemy: the same seed gives the same statement."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from worlds import NUMBERS, START, TEXTS, Model, Relation, World

PATTERNS = ["a%", "%b", "_", "%", "a\\_b", "%\\%%", "é", "A%", "", "%é%", "b\\\\c"]
SCALARS = ["int", "text", "bool", "num", "time"]


@dataclass
class Source:
    """A model in FROM: its class or an alias of it."""

    entity: Any
    model: Model
    depth: int = 0


class Statement:
    """One random statement. `q` has the words, `made` the classes."""

    def __init__(self, world: World, q: SimpleNamespace, made: SimpleNamespace, seed: str) -> None:
        self.world, self.q, self.made = world, q, made
        self.random = random.Random(seed)
        self.sources: list[Source] = []
        self.passed: list[Model] = []  # by `any` and `has`
        self.depth = 0
        self.ordered = False
        self.names = iter(range(1000))

    def chance(self, of: float) -> bool:
        return self.random.random() < of

    def model(self) -> Model:
        return self.random.choice(self.world.models)

    def attribute(self, kind: str) -> Any:
        """A column of a kind of one of the sources, or None."""
        found = [(source, name) for source in self.sources for name in source.model.of(kind)]
        if not found:
            return None
        source, name = self.random.choice(found)
        return getattr(source.entity, name)

    def constant(self, kind: str) -> Any:
        match kind:
            case "int":
                return self.random.randint(-4, 10)
            case "text":
                return self.random.choice(TEXTS)
            case "bool":
                return self.chance(0.5)
            case "num":
                return self.random.choice(NUMBERS)
            case _:
                return START + timedelta(hours=self.random.choice([0, 2, 25, 9000]))

    # Values.

    def value(self, kind: str, depth: int = 2) -> Any:
        """An expression of a kind; always one that has SQL operators."""
        if depth == 0 or self.chance(0.45):
            found = self.attribute(kind)
            return self.q.literal(self.constant(kind)) if found is None else found
        return self.random.choice(self.makers(kind))(depth - 1)

    def makers(self, kind: str) -> list[Callable[[int], Any]]:
        q = self.q
        any_kind: list[Callable[[int], Any]] = [
            lambda d: q.case((self.condition(d), self.value(kind, d)), else_=self.value(kind, d)),
            lambda d: q.case((self.condition(d), self.value(kind, d))),
            lambda d: q.func.coalesce(self.value(kind, d), self.value(kind, d)),
            lambda d: q.func.nullif(self.value(kind, d), self.value(kind, d)),
            lambda d: either(self.scalar_subquery(kind), lambda: self.value(kind, d)),
        ]
        match kind:
            case "int":
                return [
                    *any_kind,
                    lambda d: self.value("int", d) + self.value("int", d),
                    lambda d: self.value("int", d) - self.constant("int"),
                    lambda d: self.constant("int") - self.value("int", d),
                    lambda d: self.value("int", d) * self.value("int", d),
                    lambda d: self.value("int", d) // self.random.choice([2, 3, -2]),
                    lambda d: self.value("int", d) % self.random.choice([2, 3, -3]),
                    lambda d: -self.value("int", d),
                    lambda d: q.func.length(self.value("text", d)),
                    lambda d: q.func.abs(self.value("int", d)),
                    lambda d: q.cast(self.value("int", d), q.Integer),
                    lambda d: q.cast(self.value("bool", 0), q.Integer),
                    # PostgreSQL's EXTRACT is numeric, and SQLAlchemy divides it as if it were an integer.
                    lambda d: q.cast(
                        q.extract(self.random.choice(["year", "month", "day", "hour"]), self.value("time", 0)),
                        q.Integer,
                    ),
                    lambda d: either(self.document("a", "as_integer"), lambda: self.value("int", d)),
                ]
            case "text":
                return [
                    *any_kind,
                    lambda d: self.value("text", d) + self.value("text", d),
                    lambda d: self.value("text", d) + self.constant("text"),
                    lambda d: q.func.substr(self.value("text", d), self.random.randint(1, 3), 2),
                    lambda d: q.func.replace(self.value("text", d), "a", "zz"),
                    lambda d: q.func.trim(self.value("text", d)),
                    lambda d: q.cast(self.value("int", d), q.String),
                    lambda d: either(self.document("s", "as_string"), lambda: self.value("text", d)),
                ]
            case "num":
                return [
                    *any_kind,
                    lambda d: self.value("num", d) + self.value("num", d),
                    lambda d: self.value("num", d) - self.constant("num"),
                    lambda d: self.value("num", d) * self.constant("int"),
                    lambda d: self.value("num", d) + self.value("int", 0),
                    lambda d: -self.value("num", d),
                    lambda d: q.func.abs(self.value("num", d)),
                    lambda d: self.value("num", d) / self.random.choice([2, 4, -5]),
                ]
            case "bool":
                return [
                    *any_kind,
                    lambda d: self.condition(d),
                    lambda d: either(self.document("b", "as_boolean"), lambda: self.value("bool", d)),
                ]
            case _:
                return any_kind

    def document(self, key: str, read: str) -> Any:
        found = self.attribute("json")
        if found is None:
            return None
        path = found["in"][key] if key == "a" and self.chance(0.4) else found[key]
        return getattr(path, read)()

    def scalar_subquery(self, kind: str) -> Any:
        if self.depth:
            return None
        model = self.model()
        with Inner(self, model) as source:
            what = self.attribute_of(source, kind)
            if what is None:
                return None
            most = self.q.func.count(what) if kind == "int" else what
            most = self.q.func.max(what) if kind in ("int", "num", "time") and self.chance(0.6) else most
            statement = self.q.select(most).where(self.correlation(source))
            if most is what:
                statement = statement.order_by(*self.key(source)).limit(1)
        return statement.scalar_subquery()

    def attribute_of(self, source: Source, kind: str) -> Any:
        names = source.model.of(kind)
        return getattr(source.entity, self.random.choice(names)) if names else None

    def key(self, source: Source) -> list[Any]:
        return [getattr(source.entity, name).asc().nulls_last() for name in source.model.key]

    def correlation(self, inner: Source) -> Any:
        """A condition of a subquery that names the outer sources most of the time."""
        outer = [source for source in self.sources if source is not inner]
        mine = self.attribute_of(inner, "int")
        if outer and self.chance(0.7):
            theirs = self.attribute_of(self.random.choice(outer), "int")
            return mine == theirs if self.chance(0.7) else mine < theirs
        kept, self.sources = self.sources, [inner]
        found = self.condition(1)
        self.sources = kept
        return found

    # Conditions.

    def condition(self, depth: int = 2) -> Any:
        q = self.q
        if depth > 0 and self.chance(0.4):
            one, other = self.condition(depth - 1), self.condition(depth - 1)
            return self.random.choice(
                [
                    lambda: one & other,
                    lambda: one | other,
                    lambda: ~one,
                    lambda: ~(one | other),
                    lambda: q.and_(one, other),
                    lambda: q.or_(one, ~other),
                    lambda: q.not_(one & other),
                ]
            )()
        kind = self.random.choice(SCALARS)
        left = self.value(kind, min(depth, 1))
        makers: list[Callable[[], Any]] = [
            lambda: self.compare(left, self.value(kind, min(depth, 1))),
            lambda: self.compare(left, self.constant(kind)),
            lambda: left.is_(None),
            lambda: left.is_not(None),
            lambda: left == None,  # noqa: E711
            lambda: left != None,  # noqa: E711
            lambda: left.in_([self.constant(kind) for _ in range(self.random.randint(0, 3))]),
            lambda: left.not_in([self.constant(kind) for _ in range(self.random.randint(0, 3))]),
            lambda: left.is_distinct_from(self.value(kind, 0)),
            lambda: left.is_not_distinct_from(self.constant(kind)),
            lambda: self.exists(),
            lambda: self.in_select(),
            lambda: self.related(),
            lambda: self.tuples(),
        ]
        if kind != "bool":
            makers += [
                lambda: left.between(self.constant(kind), self.value(kind, 0)),
                lambda: ~left.between(self.value(kind, 0), self.constant(kind)),
            ]
        if kind == "text":
            makers += [
                lambda: left.like(self.random.choice(PATTERNS)),
                lambda: left.not_like(self.random.choice(PATTERNS)),
                lambda: left.ilike(self.random.choice(["A%", "%B", "a_B", "%b%"])),
                lambda: left.like(self.random.choice(["a/_b", "%/%", "a%"]), escape="/"),
                lambda: left.startswith(self.constant("text"), autoescape=True),
                lambda: left.endswith(self.constant("text"), autoescape=True),
                lambda: left.contains(self.constant("text"), autoescape=True),
                lambda: ~left.contains("%", autoescape=True),
                lambda: left.icontains("A", autoescape=True),
            ]
        if kind == "bool":
            makers += [
                lambda: left.is_(True),
                lambda: left.is_not(False),
                lambda: left == True,  # noqa: E712
                lambda: q.and_(left, self.condition(0)),
                lambda: ~left,
            ]
        return self.random.choice(makers)()

    def compare(self, left: Any, right: Any) -> Any:
        match self.random.randrange(2 if isinstance(right, bool) else 6):
            case 0:
                return left == right
            case 1:
                return left != right
            case 2:
                return left < right
            case 3:
                return left <= right
            case 4:
                return left > right
            case _:
                return left >= right

    def exists(self) -> Any:
        if self.depth > 1:
            return self.compare(self.value("int", 0), self.constant("int"))
        with Inner(self, self.model()) as source:
            inner = self.q.select(source.entity).where(self.correlation(source))
            if self.chance(0.4):
                inner = inner.where(self.condition(0))
        found = inner.exists()
        return ~found if self.chance(0.4) else found

    def in_select(self) -> Any:
        if self.depth > 1:
            return self.compare(self.value("int", 0), self.constant("int"))
        kind = self.random.choice(["int", "text"])
        left = self.value(kind, 0)
        with Inner(self, self.model()) as source:
            what = self.attribute_of(source, kind)
            what = self.attribute_of(source, "int") if what is None else what
            left = left if source.model.of(kind) else self.q.literal(1)
            inner = self.q.select(what).where(self.correlation(source))
        return left.in_(inner) if self.chance(0.6) else left.not_in(inner)

    def related(self) -> Any:
        """`any` and `has`, also nested."""
        found = [(source, relation) for source in self.sources for relation in source.model.relations]
        if not found or self.depth > 1:
            return self.value("int", 0).is_not(None)
        source, relation = self.random.choice(found)
        attribute = getattr(source.entity, relation.name)
        target = self.world.models[relation.target]
        if target in self.passed:  # SQLAlchemy takes the two for one
            return self.value("int", 0).is_not(None)
        self.depth += 1
        passed, self.passed = self.passed, [*self.passed, source.model, target]
        kept, self.sources = self.sources, [Source(getattr(self.made, target.name), target, self.depth)]
        conditions = [self.condition(1)] if self.chance(0.7) and target is not source.model else []
        self.depth -= 1
        self.sources, self.passed = kept, passed
        word = attribute.has if relation.kind == "one" else attribute.any
        return ~word(*conditions) if self.chance(0.3) else word(*conditions)

    def tuples(self) -> Any:
        q = self.q
        left = q.tuple_(self.value("int", 0), self.value("text", 0))
        pairs = [(self.constant("int"), self.constant("text")) for _ in range(self.random.randint(1, 3))]
        return left.in_(pairs) if self.chance(0.7) else left.not_in(pairs)

    # Statements.

    def alias(self, model: Model) -> Any:
        return self.q.aliased(getattr(self.made, model.name))

    def start(self) -> Source:
        model = self.model()
        entity = getattr(self.made, model.name)
        source = Source(self.q.aliased(entity) if self.chance(0.3) else entity, model)
        self.sources = [source]
        return source

    def joins(self) -> list[tuple[Any, Any, bool]]:
        """What is joined: (target, ON or None, outer); the sources grow."""
        steps: list[tuple[Any, Any, bool]] = []
        for _ in range(self.random.choice([0, 0, 1, 1, 2])):
            source = self.random.choice(self.sources)
            outer = self.chance(0.5)
            if source.model.relations and self.chance(0.75):
                relation = self.random.choice(source.model.relations)
                there = Source(self.alias(self.world.models[relation.target]), self.world.models[relation.target])
                on = getattr(source.entity, relation.name).of_type(there.entity)
                self.sources.append(there)
                steps.append((on, None, outer))
            else:
                model = self.model()
                there = Source(self.alias(model), model)
                mine, other = self.attribute_of(source, "int"), self.attribute_of(there, "int")
                self.sources.append(there)
                steps.append((there.entity, mine == other, outer))
        return steps

    def joined(self, statement: Any, steps: list[tuple[Any, Any, bool]]) -> Any:
        for target, on, outer in steps:
            word = statement.outerjoin if outer else statement.join
            statement = word(target) if on is None else word(target, on)
        return statement

    def whole_order(self) -> list[Any]:
        return [part for source in self.sources for part in self.key(source)]

    def one_order(self) -> Any:
        found = self.value(self.random.choice(SCALARS), 1)
        found = found.desc() if self.chance(0.5) else found.asc()
        return found.nulls_last() if self.chance(0.5) else found.nulls_first()

    def cut(self, statement: Any, order: list[Any]) -> Any:
        if self.chance(0.5):
            return statement
        self.ordered = True
        statement = statement.order_by(*order)
        if self.chance(0.5):
            statement = statement.limit(self.random.randint(0, 5))
        if self.chance(0.3):
            statement = statement.offset(self.random.randint(0, 3))
        return statement

    def rows(self) -> Any:
        """Columns, values and objects of joined models."""
        q = self.q
        source = self.start()
        steps = self.joins()
        what = [source.entity] if self.chance(0.5) else []
        what += [other.entity for other in self.sources[1:] if self.chance(0.4)]
        for _ in range(self.random.randint(0 if what else 1, 3)):
            kind = self.random.choice(SCALARS)
            what.append(self.value(kind).label(f"v{next(self.names)}"))
        if self.chance(0.25):
            what.append(self.window().label("w"))
        json = self.attribute("json")
        if json is not None and self.chance(0.2):
            what.append(json)
        statement = self.joined(q.select(*what).select_from(source.entity), steps)
        if self.chance(0.75):
            statement = statement.where(self.condition())
        return self.cut(statement, [self.one_order(), *self.whole_order()])

    def window(self) -> Any:
        q = self.q
        order = [self.one_order(), *self.whole_order()]
        partition = self.value(self.random.choice(["int", "text", "bool"]), 0)
        match self.random.randrange(6):
            case 0:
                return q.func.row_number().over(partition_by=partition, order_by=order)
            case 1:
                return q.func.rank().over(order_by=[self.one_order()])
            case 2:
                return q.func.sum(self.value("int", 0)).over(partition_by=partition)
            case 3:
                return q.func.lag(self.value("int", 0)).over(partition_by=partition, order_by=order)
            case 4:
                return q.func.count(self.value("int", 0)).over(order_by=order, rows=(-1, 0))
            case _:
                return q.func.first_value(self.value("text", 0)).over(order_by=order)

    def aggregate(self) -> Any:
        func = self.q.func
        match self.random.randrange(9):
            case 0:
                return func.count()
            case 1:
                return func.count(self.value("text", 0).distinct())
            case 2:
                return func.sum(self.value("int", 1))
            case 3:
                return func.sum(self.value("num", 1))
            case 4:
                return func.max(self.value(self.random.choice(["int", "num", "text", "time"]), 1))
            case 5:
                return func.min(self.value(self.random.choice(["int", "num", "text", "time"]), 1))
            case 6:
                return func.avg(self.value("int", 0))
            case 7:
                return func.count(self.value("int", 0)).filter(self.condition(1))
            case _:
                return func.sum(self.value("int", 0).distinct())

    def groups(self) -> Any:
        q = self.q
        source = self.start()
        steps = self.joins()
        groups = [self.attribute(kind) for kind in self.random.sample(SCALARS, self.random.randint(0, 2))]
        groups = [group for group in groups if group is not None]
        what = [self.aggregate().label(f"g{number}") for number in range(self.random.randint(1, 3))]
        statement = self.joined(q.select(*groups, *what).select_from(source.entity), steps)
        if self.chance(0.5):
            statement = statement.where(self.condition())
        if groups:
            statement = statement.group_by(*groups)
        if self.chance(0.4):
            having = self.random.choice([q.func.count(), q.func.sum(self.value("int", 0))])
            statement = statement.having(self.compare(having, self.random.randint(0, 4)))
        if groups and self.chance(0.4):
            self.ordered = True
            statement = statement.order_by(*[group.asc().nulls_first() for group in groups]).limit(4)
        return statement

    def part(self, kinds: list[str]) -> Any:
        source = self.start()
        what = [self.value(kind, 1).label(f"c{number}") for number, kind in enumerate(kinds)]
        statement = self.q.select(*what).select_from(source.entity)
        return statement.where(self.condition(1)) if self.chance(0.7) else statement

    def sets(self) -> Any:
        q = self.q
        kinds = self.random.choices(["int", "text", "bool", "num", "time"], k=self.random.randint(1, 3))
        words = [q.union, q.union_all, q.intersect, q.except_]
        statement = self.random.choice(words)(self.part(kinds), self.part(kinds))
        if self.chance(0.3):
            rows = statement.subquery()
            columns = list(rows.c)
            if self.chance(0.5):
                return q.select(q.func.count()).select_from(rows)
            return q.select(*columns).where(columns[0].is_not(None))
        if self.chance(0.4):
            self.ordered = True
            rows = statement.subquery()
            columns = list(rows.c)
            return q.select(*columns).order_by(*[column.asc().nulls_last() for column in columns]).limit(9)
        return statement

    def derived(self) -> Any:
        """A subquery or a CTE of groups, joined to a model."""
        q = self.q
        inner = self.start()
        group = self.attribute_of(inner, "int")
        number = self.aggregate().label("n")
        rows = q.select(group.label("k"), number).group_by(group)
        if self.chance(0.5):
            rows = rows.where(self.condition(1))
        derived = rows.cte("grouped") if self.chance(0.5) else rows.subquery()
        model = self.model()
        outer = Source(self.alias(model), model)
        self.sources = [outer]
        on = derived.c.k == self.attribute_of(outer, "int")
        what = [outer.entity] if self.chance(0.5) else [self.value("int"), self.value("text")]
        statement = q.select(*what, derived.c.n).select_from(outer.entity)
        statement = statement.join(derived, on) if self.chance(0.5) else statement.outerjoin(derived, on)
        if self.chance(0.6):
            statement = statement.where(self.condition())
        return statement

    def distinct(self) -> Any:
        source = self.start()
        kinds = self.random.sample(SCALARS, 2)
        what = [self.value(kind, 1).label(f"c{number}") for number, kind in enumerate(kinds)]
        statement = self.q.select(*what).select_from(source.entity).distinct()
        return statement.where(self.condition(1)) if self.chance(0.5) else statement

    def make(self) -> Any:
        kinds = [self.rows, self.groups, self.sets, self.derived, self.distinct]
        return self.random.choices(kinds, [6, 3, 2, 2, 1])[0]()

    # Objects with their relations.

    def graph(self) -> tuple[Any, Any]:
        """Objects with eager loads, and the tree of relations to look at."""
        model = self.random.choice([model for model in self.world.models if model.relations])
        source = Source(getattr(self.made, model.name), model)
        self.sources = [source]
        statement = self.q.select(source.entity)
        tree: dict[str, Any] = {}
        for relation in self.random.sample(model.relations, min(len(model.relations), self.random.randint(1, 2))):
            statement = statement.options(self.load(relation, tree))
        if self.chance(0.6):
            statement = statement.where(self.condition())
        return self.cut(statement, [self.one_order(), *self.whole_order()]), tree

    def load(self, relation: Relation, tree: dict[str, Any]) -> Any:
        option: Any = self.q
        holder = next(model for model in self.world.models if relation in model.relations)
        for _ in range(self.random.randint(1, 3)):
            word = self.random.choice(["selectinload", "joinedload"])
            option = getattr(option, word)(getattr(getattr(self.made, holder.name), relation.name))
            tree = tree.setdefault(relation.name, {})
            holder = self.world.models[relation.target]
            if not holder.relations:
                break
            relation = self.random.choice(holder.relations)
        return option


def either(found: Any, otherwise: Callable[[], Any]) -> Any:
    return otherwise() if found is None else found


class Inner:
    """A subquery's source: an alias in front of the outer ones while it lasts."""

    def __init__(self, statement: Statement, model: Model) -> None:
        self.statement, self.model = statement, model

    def __enter__(self) -> Source:
        source = Source(self.statement.alias(self.model), self.model, self.statement.depth + 1)
        self.kept = self.statement.sources
        # SQLAlchemy correlates with the statement around alone.
        around = [other for other in self.kept if other.depth == self.statement.depth]
        self.statement.sources = [source, *around]
        self.statement.depth += 1
        return source

    def __exit__(self, *_: object) -> None:
        self.statement.sources = self.kept
        self.statement.depth -= 1
