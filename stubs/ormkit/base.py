"""The thin metaclass: Python lays out the slots of a class, Rust does everything else."""

import sys
from collections.abc import Coroutine
from typing import Any

from . import _ormkit
from ._ormkit import MetaData, Table, TableColumns
from .exc import NotLoadedError

__all__ = [
    "AsyncAttrs",
    "Base",
    "DeclarativeBase",
    "MappedAsDataclass",
    "MetaData",
    "ModelMeta",
    "Table",
    "TableColumns",
]


class ModelMeta(_ormkit.ModelType):
    """The metaclass of models."""

    def __new__(mcls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any) -> "ModelMeta":
        body = _ormkit.ClassBody(name, bases, namespace, dict(sys._getframe(1).f_locals))
        cls = super().__new__(mcls, name, bases, body.namespace, **options)
        body.finish(cls)
        return cls

    def __setattr__(cls, name: str, value: Any) -> None:
        _ormkit.check_assignment(cls, name, value)
        super().__setattr__(name, value)

    @property
    def metadata(cls) -> MetaData:
        """The tables of this base; a column of that name wins on its class."""
        return _ormkit.metadata_of(cls)


class _AwaitableAttributes:
    """The attributes of one object, to be awaited."""

    def __init__(self, object: Any) -> None:
        self._object = object

    def __getattr__(self, name: str) -> Coroutine[Any, Any, Any]:
        return _read(self._object, name)


async def _read(object: Any, name: str) -> Any:
    try:
        return getattr(object, name)
    except NotLoadedError:
        await _ormkit._load_attribute(object, name)
        return getattr(object, name)


class AsyncAttrs:
    """Gives objects `awaitable_attrs`: `class Base(AsyncAttrs, DeclarativeBase)`, then `await user.awaitable_attrs.posts`."""

    @property
    def awaitable_attrs(self) -> _AwaitableAttributes:
        """Each attribute as an awaitable, which loads it by the object's session where it is not loaded."""
        return _AwaitableAttributes(self)


class MappedAsDataclass:
    """Makes mapped classes dataclasses: `class Base(MappedAsDataclass, DeclarativeBase)`, or one class alone."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__()
        inherited: dict[str, Any] = getattr(cls, "__ormkit_dataclass__", {})
        options = {**inherited, **options}
        _ormkit.check_dataclass_options(cls, options)
        cls.__ormkit_dataclass__ = options


class DeclarativeBase(_ormkit.Model, metaclass=ModelMeta):
    """The root of an own base: `class Base(DeclarativeBase): pass`."""

    __abstract__ = True


class Base(DeclarativeBase):
    """A base that is ready to use."""

    __abstract__ = True
