"""The thin metaclass: Python lays out the slots of a class, Rust does everything else."""

import sys
from typing import Any

from . import _ormkit
from ._ormkit import MetaData, Table, TableColumns

__all__ = ["Base", "DeclarativeBase", "MappedAsDataclass", "MetaData", "ModelMeta", "Table", "TableColumns"]


class ModelMeta(_ormkit.ModelType):
    """The metaclass of models."""

    def __new__(mcls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any) -> "ModelMeta":
        body = _ormkit.ClassBody(name, bases, namespace, dict(sys._getframe(1).f_locals))
        cls = super().__new__(mcls, name, bases, body.namespace, **options)
        body.finish(cls)
        return cls

    @property
    def metadata(cls) -> MetaData:
        """The tables of this base; a column of that name wins on its class."""
        return _ormkit.metadata_of(cls)


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
