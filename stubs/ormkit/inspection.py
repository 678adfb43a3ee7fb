"""Looking at objects and classes."""

from ormkit._ormkit import AttributeState, History, InstanceState, Mapper, NamedItems, inspect

__all__ = ["AttributeState", "History", "InstanceState", "Mapper", "NamedItems", "inspect"]
