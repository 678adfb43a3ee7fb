"""Relations between models, and how much of them a query loads."""

from collections.abc import Callable, Generator, Iterable
from typing import Any, Literal, TypeVar

from ormkit._ormkit import RelationshipInfo as RelationshipInfo
from ormkit.query import Attribute

_E = TypeVar("_E")

class Change:
    """A change of a collection: awaited it is written at once, un-awaited it waits for the flush."""

    def __await__(self) -> Generator[Any]: ...

class RelatedList(list[_E]):
    """A loaded to-many relation: a list whose changes the session sees."""

    def add(self, *objects: _E) -> Change: ...
    def set(self, objects: Iterable[_E], /) -> Change: ...
    def remove(self, value: _E, /) -> Change: ...  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
    def clear(self) -> Change: ...  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]

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
    lazy: Literal["selectin", "joined", "select", "raise"] | None = None,
    viewonly: bool = False,
    post_update: bool = False,
    single_parent: bool = False,
    backref: Any = None,
    default: Any = ...,
    default_factory: Callable[[], Any] = ...,
    init: bool = ...,
    repr: bool = ...,
    compare: bool = ...,
    kw_only: bool = ...,
) -> Any:
    """A relation; its target is taken from the annotation where it is not given."""

class Loader:
    """What `.options(…)` takes; the methods go one relation further."""

    def selectinload(self, path: Attribute[Any] | str, /) -> Loader: ...
    def joinedload(self, path: Attribute[Any] | str, /) -> Loader: ...
    def subqueryload(self, path: Attribute[Any] | str, /) -> Loader: ...
    def lazyload(self, path: Attribute[Any] | str, /) -> Loader: ...
    def raiseload(self, path: Attribute[Any] | str, /) -> Loader: ...
    def noload(self, path: Attribute[Any] | str, /) -> Loader: ...

def selectinload(path: Attribute[Any] | str, /) -> Loader:
    """Loads a relation by one more statement for all parents."""

def joinedload(path: Attribute[Any] | str, /) -> Loader:
    """Loads a relation in the same statement, by a join."""

def subqueryload(path: Attribute[Any] | str, /) -> Loader:
    """The same as `selectinload`."""

def lazyload(path: Attribute[Any] | str, /) -> Loader:
    """Leaves a relation unloaded: reading it raises."""

def raiseload(path: Attribute[Any] | str, /) -> Loader:
    """Leaves a relation unloaded: reading it raises."""

def noload(path: Attribute[Any] | str, /) -> Loader:
    """Takes a relation for empty, without asking."""
