"""Relations between models, and how much of them a query loads."""

from collections.abc import Callable, Generator, Iterable
from typing import Any, Generic, Literal, TypeAlias, TypeVar

from ormkit._ormkit import RelationshipInfo as RelationshipInfo
from ormkit.base import DeclarativeBase
from ormkit.query import Attribute, Delete, Expr, Insert, Query, Select, Update

_E = TypeVar("_E")
_T = TypeVar("_T")

class Change:
    """A change of a collection: awaited it is written at once, un-awaited it waits for the flush."""

    def __await__(self) -> Generator[Any]: ...

class RelatedList(list[_E]):
    """A loaded to-many relation: a list whose changes the session sees."""

    def add(self, *objects: _E) -> Change: ...
    def set(self, objects: Iterable[_E], /) -> Change: ...
    def remove(self, value: _E, /) -> Change: ...  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
    def clear(self) -> Change: ...  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]

class WriteOnlyCollection(Generic[_E]):
    """A to-many relation that is never loaded: statements read it, and what is added and removed waits for the flush. It
    cannot be iterated, measured or indexed."""

    def add(self, *objects: _E) -> Change: ...
    def add_all(self, objects: Iterable[_E], /) -> Change: ...
    def remove(self, *objects: _E) -> Change: ...
    def select(self) -> Select[_E]: ...
    def insert(self) -> Insert: ...
    def update(self) -> Update: ...
    def delete(self) -> Delete: ...

def foreign(expr: Expr[_T], /) -> Expr[_T]:
    """The column, said to refer to the other one of an equality: for `relationship(primaryjoin=..)`."""

def remote(expr: Expr[_T], /) -> Expr[_T]:
    """The column, said to be of the class that the relation leads to: for `relationship(primaryjoin=..)`."""

def relationship(
    target: Any = None,
    *,
    secondary: Any = None,
    back_populates: str | None = None,
    foreign_keys: Any = None,
    remote_side: Any = None,
    primaryjoin: Any = None,
    secondaryjoin: Any = None,
    uselist: bool | None = None,
    order_by: Any = None,
    cascade: str = "save-update, merge",
    passive_deletes: Any = None,
    lazy: Literal["selectin", "joined", "select", "raise", "immediate", "subquery", "raise_on_sql", "write_only"]
    | bool
    | None = None,
    viewonly: bool = False,
    post_update: bool = False,
    single_parent: bool = False,
    doc: str | None = None,
    info: dict[Any, Any] | None = None,
    overlaps: str | None = None,
    collection_class: type[list[Any]] | None = None,
    innerjoin: bool | None = None,
    passive_updates: Literal[True] | None = None,
    active_history: Literal[False] = ...,
    join_depth: None = None,
    sync_backref: None = None,
    backref: Any = None,
    default: Any = ...,
    default_factory: Callable[[], Any] = ...,
    init: bool = ...,
    repr: bool = ...,
    compare: bool = ...,
    kw_only: bool = ...,
) -> Any:
    """A relation; its target is taken from the annotation where it is not given."""

class RelationPart(Generic[_T]):
    """A relation and conditions on its objects: `User.posts.and_(Post.published)`."""

    def and_(self, *conditions: Expr[bool]) -> RelationPart[_T]: ...

class Prefetch:
    """A relation to load by one more statement, with what a query says of its objects."""

    def __init__(self, lookup: _Path, queryset: Query[Any] | None = None, to_attr: str | None = None) -> None: ...

_Path: TypeAlias = Attribute[Any] | RelationPart[Any] | str
_Option: TypeAlias = Loader | _Path | Prefetch

class Loader:
    """What `.options(…)` takes. Methods that name a relation go one relation further; the others speak of the relation named
    last, or of the queried objects themselves."""

    def selectinload(self, *path: _Path | Prefetch, recursion_depth: int | None = None) -> Loader: ...
    def joinedload(self, *path: _Path, innerjoin: bool | None = None) -> Loader: ...
    def subqueryload(self, *path: _Path) -> Loader: ...
    def immediateload(self, *path: _Path) -> Loader: ...
    def lazyload(self, *path: _Path) -> Loader: ...
    def raiseload(self, *path: _Path) -> Loader: ...
    def noload(self, *path: _Path) -> Loader: ...
    def defaultload(self, *path: _Path) -> Loader: ...
    def contains_eager(self, *path: _Path) -> Loader: ...
    def load_only(self, *columns: Attribute[Any] | str, raiseload: bool = False) -> Loader: ...
    def defer(self, *columns: Attribute[Any] | str, raiseload: bool = False) -> Loader: ...
    def undefer(self, *columns: Attribute[Any] | str) -> Loader: ...
    def undefer_group(self, name: str, /) -> Loader: ...
    def order_by(self, *columns: Expr[Any] | str, desc: bool = False) -> Loader: ...
    def limit(self, count: int | None, /) -> Loader: ...
    def offset(self, count: int | None, /) -> Loader: ...
    def options(self, *loaders: _Option) -> Loader: ...

def Load(model: type[DeclarativeBase], /) -> Loader:
    """Loads from a class on: `Load(User).selectinload(User.posts)`."""

def selectinload(*path: _Path | Prefetch, recursion_depth: int | None = None) -> Loader:
    """Loads a relation by one more statement for all parents."""

def selectin_polymorphic(
    base: type[DeclarativeBase], classes: Iterable[type[DeclarativeBase]] | Literal["*"], /
) -> Loader:
    """Says nothing more: objects are read with the columns of their own class, whatever class is asked for."""

def joinedload(*path: _Path, innerjoin: bool | None = None) -> Loader:
    """Loads a relation in the same statement, by a join."""

def subqueryload(*path: _Path) -> Loader:
    """The same as `selectinload`."""

def immediateload(*path: _Path) -> Loader:
    """The same as `selectinload`."""

def lazyload(*path: _Path) -> Loader:
    """Leaves a relation unloaded: reading it raises."""

def raiseload(*path: _Path) -> Loader:
    """Leaves a relation unloaded: reading it raises. `"*"`: all that nothing else is said of."""

def noload(*path: _Path) -> Loader:
    """Takes a relation for empty, without asking."""

def defaultload(*path: _Path) -> Loader:
    """Leaves a relation's own way of loading as it is, to say something of its objects."""

def contains_eager(*path: _Path) -> Loader:
    """Reads a relation from a join that the query makes itself."""

def load_only(*columns: Attribute[Any] | str, raiseload: bool = False) -> Loader:
    """Reads these columns alone, and keys."""

def defer(*columns: Attribute[Any] | str, raiseload: bool = False) -> Loader:
    """Leaves columns out."""

def undefer(*columns: Attribute[Any] | str) -> Loader:
    """Reads columns that are left out by default."""

def undefer_group(name: str, /) -> Loader:
    """Reads the columns of a `deferred_group`."""

def with_loader_criteria(
    model: type[Any],
    condition: Expr[bool] | Callable[[type[Any]], Expr[bool]],
    /,
    *,
    include_aliases: Literal[True] = True,
    propagate_to_loaders: Literal[True] = True,
    track_closure_variables: bool = True,
) -> Loader:
    """A condition on every object of a class that a query reads; with a function also of what derives from a base or a mixin."""
