"""Ranges: everything between two bounds."""

from types import GenericAlias
from typing import Any, Generic, Literal, TypeVar, final

_T = TypeVar("_T")

@final
class Range(Generic[_T]):
    """Everything between two bounds, as PostgreSQL's range types have it.

    A bound that is None is infinite and never belongs to the range. `in` compares as the bounds' type does. Equal are
    ranges whose bounds are written the same: PostgreSQL answers those of integers and days as "[)".

    Raises:
        ValueError: bounds is none of the four, or an empty range was given a bound.
    """

    def __new__(
        cls,
        lower: _T | None = None,
        upper: _T | None = None,
        bounds: Literal["[)", "[]", "(]", "()"] = "[)",
        empty: bool = False,
    ) -> Range[_T]: ...
    @property
    def lower(self) -> _T | None: ...
    @property
    def upper(self) -> _T | None: ...
    @property
    def bounds(self) -> Literal["[)", "[]", "(]", "()"]: ...
    @property
    def isempty(self) -> bool: ...
    @property
    def lower_inc(self) -> bool: ...
    @property
    def upper_inc(self) -> bool: ...
    @property
    def lower_inf(self) -> bool: ...
    @property
    def upper_inf(self) -> bool: ...
    def __contains__(self, value: object, /) -> bool: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...
    def __reduce__(self) -> tuple[Any, ...]: ...
    @classmethod
    def __class_getitem__(cls, item: Any, /) -> GenericAlias: ...
