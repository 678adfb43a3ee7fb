"""Attributes that are made of others."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

from typing_extensions import Self

from ormkit.fields import Mapped
from ormkit.query import Condition, Expr

_T = TypeVar("_T")
_F = TypeVar("_F", bound=Callable[..., Any])

def validates(*names: str) -> Callable[[_F], _F]:
    """Let a method `(self, name, value)` see every value that the program gives to these attributes."""

class _Inplace(Generic[_T]):
    def setter(self, fset: Callable[[Any, Any], None], /) -> hybrid_property[_T]: ...
    def deleter(self, fdel: Callable[[Any], None], /) -> hybrid_property[_T]: ...
    def expression(self, expr: Any, /) -> hybrid_property[_T]: ...
    def comparator(self, comparator: Any, /) -> hybrid_property[_T]: ...
    def update_expression(self, update: Any, /) -> hybrid_property[_T]: ...

class hybrid_property(Generic[_T]):
    """A property of objects that is an SQL expression on the class."""

    def __init__(self, fget: Callable[[Any], _T], /) -> None: ...
    @overload
    def __get__(self, instance: None, owner: Any, /) -> Expr[_T]: ...
    @overload
    def __get__(self, instance: object, owner: Any, /) -> _T: ...
    def __set__(self, instance: Any, value: Any, /) -> None: ...
    def __delete__(self, instance: Any, /) -> None: ...
    def getter(self, fget: Callable[[Any], _T], /) -> Self: ...
    def setter(self, fset: Callable[[Any, Any], None], /) -> Self: ...
    def deleter(self, fdel: Callable[[Any], None], /) -> Self: ...
    def expression(self, expr: Any, /) -> Self: ...
    def comparator(self, comparator: Any, /) -> Self: ...
    def update_expression(self, update: Any, /) -> Self: ...
    @property
    def inplace(self) -> _Inplace[_T]: ...

class hybrid_method:
    """A method of objects that answers an SQL expression on the class."""

    def __init__(self, func: Callable[..., Any], /) -> None: ...
    def __get__(self, instance: Any, owner: Any, /) -> Callable[..., Any]: ...
    def expression(self, expr: Any, /) -> Self: ...

class AssociationProxy(Generic[_T]):
    """The values of one attribute of the objects behind a relation."""

    @overload
    def __get__(self, instance: None, owner: Any, /) -> _ProxiedAttribute: ...
    @overload
    def __get__(self, instance: object, owner: Any, /) -> _T: ...
    def __set__(self, instance: Any, value: _T, /) -> None: ...

class _ProxiedAttribute:
    def __eq__(self, value: object, /) -> Condition: ...  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
    def __hash__(self) -> int: ...
    def contains(self, value: Any, /) -> Condition: ...
    def any(self, *conditions: Any, **lookups: Any) -> Condition: ...
    def has(self, *conditions: Any, **lookups: Any) -> Condition: ...

def association_proxy(target_collection: str, attr: str, *, creator: Callable[[Any], Any] | None = None) -> Any:
    """Show an attribute of the objects behind a relation."""

@overload
def column_property(
    column: Expr[_T],
    *,
    group: str | None = None,
    deferred: bool = False,
    repr: bool = ...,
    compare: bool = ...,
    raiseload: bool = ...,
    info: dict[Any, Any] | None = None,
    doc: str | None = None,
) -> Mapped[_T]: ...
@overload
def column_property(
    column: Any,
    *,
    group: str | None = None,
    deferred: bool = False,
    repr: bool = ...,
    compare: bool = ...,
    raiseload: bool = ...,
    info: dict[Any, Any] | None = None,
    doc: str | None = None,
) -> Any:
    """An attribute that SQL computes from the row: `full = column_property(first + " " + last)`."""

def synonym(
    name: str,
    *,
    map_column: None = None,
    descriptor: None = None,
    comparator_factory: None = None,
    info: None = None,
    doc: None = None,
) -> Any:
    """Another name of an attribute: `login = synonym("email")`."""
