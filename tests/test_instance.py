"""How objects of models are stored: reads, writes, marks, memory."""

import copy
import gc
import pickle
import random
import sys
import weakref
from typing import Any, Generic, TypeVar

import pytest

from ormkit._ormkit import (
    JSON,
    ForeignKey,
    Mapped,
    NotLoadedError,
    RelationNotLoadedError,
    mapped_column,
    relationship,
)
from ormkit.base import Base

DETACHED = 4  # the state's number in what copy and pickle keep


class Account(Base):
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    email: Mapped[str | None]
    level: Mapped[int] = mapped_column(default=1)
    tags: Mapped[list] = mapped_column(JSON, default=list)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("accounts.id"))
    parent: Mapped["Account | None"] = relationship(remote_side="id", back_populates="children")
    children: Mapped[list["Account"]] = relationship(back_populates="parent")


def loaded(cls: type, **values: Any) -> Any:
    """An object as a query makes it: these columns, the rest not loaded."""
    obj = cls.__new__(cls)
    obj.__setstate__((values, [], DETACHED, None))
    return obj


def set_by_user(obj: Any) -> set[str]:
    return set(obj.__getstate__()[1])


# ------------------------------------------------------------------ constructor


def test_constructor_takes_keywords_and_gives_defaults():
    account = Account(id=1, name="a")
    assert (account.id, account.name, account.email, account.level, account.tags) == (1, "a", None, 1, [])
    assert set_by_user(account) == {"id", "name"}


def test_unknown_keyword_names_the_near_match():
    with pytest.raises(TypeError, match=r"Account\(\) has no argument `nmae`: did you mean `name`\?"):
        Account(nmae="a")


def test_positional_arguments_are_refused():
    with pytest.raises(TypeError, match="keyword arguments only"):
        Account(1)


def test_callable_default_is_called_for_each_object():
    assert Account().tags is not Account().tags


def test_exception_of_a_default_comes_out_unchanged():
    class Broken(Base):
        id: Mapped[int] = mapped_column(primary_key=True, default=lambda: 1 // 0)

    with pytest.raises(ZeroDivisionError):
        Broken()
    assert Broken(id=1).id == 1


def test_explicit_none_is_set_and_a_default_is_not():
    assert set_by_user(Account(email=None)) == {"email"}
    assert set_by_user(Account()) == set()


def test_dynamic_names_are_compared_by_text():
    name = "".join(["na", "me"])
    account = Account(**{name: "a"})
    setattr(account, "".join(["le", "vel"]), 7)
    assert (account.name, getattr(account, name), account.level) == ("a", "a", 7)


def test_unmapped_base_has_no_instances():
    with pytest.raises(TypeError, match="only mapped classes"):
        Base()


# ------------------------------------------------------------------ reads and writes


def test_unknown_public_name_is_refused_and_private_ones_are_kept():
    account = Account()
    with pytest.raises(AttributeError, match=r"no attribute `nmae`: did you mean `name`\?"):
        account.nmae = "a"
    with pytest.raises(AttributeError, match="did you mean `name`"):
        account.nmae  # noqa: B018
    account._cache = 1
    assert account._cache == 1 and account.__dict__ == {"_cache": 1}


def test_unloaded_attribute_raises_and_says_which():
    account = loaded(Account, id=1)
    with pytest.raises(NotLoadedError, match=r"Account\.name is not loaded.*<Account id=1>"):
        account.name  # noqa: B018
    with pytest.raises(RelationNotLoadedError, match=r"selectinload\(Account\.children\)"):
        account.children  # noqa: B018
    assert not hasattr(account, "children")
    assert account.id == 1


def test_equal_value_of_the_same_type_is_no_change():
    account = loaded(Account, id=1, name="a", level=1, tags=[1])
    account.name = "".join(["", "a"])
    account.tags = [1]
    assert set_by_user(account) == set()
    account.level = True
    account.tags = [True]
    assert set_by_user(account) == {"level", "tags"}


def test_nan_stored_again_is_no_change_and_negative_zero_is_one():
    class Point(Base):
        id: Mapped[int] = mapped_column(primary_key=True)
        x: Mapped[float]
        y: Mapped[float]

    point = loaded(Point, id=1, x=float("nan"), y=0.0)
    point.x = float("nan")
    assert set_by_user(point) == set()
    point.y = -0.0
    assert set_by_user(point) == {"y"}


def test_column_cannot_be_deleted():
    account = Account(name="a")
    with pytest.raises(AttributeError, match="cannot be deleted"):
        del account.name
    assert account.name == "a"


def test_descriptors_cannot_bypass_the_marks():
    account = loaded(Account, id=1, name="a")
    with pytest.raises((TypeError, AttributeError)):
        object.__setattr__(account, "name", "b")
    with pytest.raises(AttributeError):
        Account.__dict__["name"].__set__(account, "b")
    assert account.name == "a"


def test_new_object_knows_its_relations():
    account = Account()
    assert account.parent is None and account.children == []
    assert account.children is account.children


def test_repr_shows_class_and_key_only():
    assert repr(Account(id=7, name="secret")) == "<Account id=7>"
    assert repr(Account()) == "<Account id=None>"


def test_match_patterns_read_attributes():
    match Account(id=7, name="a"):
        case Account(id=7, name=name):
            assert name == "a"
        case _:
            pytest.fail("did not match")


def test_to_dict_and_from_dict():
    parent = Account(id=1, name="p")
    account = Account.from_dict({"id": 2, "name": "c"})
    account.parent = parent
    assert account.to_dict()["name"] == "c" and "parent" not in account.to_dict()
    assert account.to_dict(include_relationships=True)["parent"]["id"] == 1
    assert loaded(Account, id=3).to_dict(True) == {"id": 3}
    with pytest.raises(TypeError):
        Account.from_dict({"nmae": 1})


# ------------------------------------------------------------------ the class side


def test_class_attributes_are_found_by_names_made_at_run_time():
    assert getattr(Account, "".join(["na", "me"])) is Account.name


def test_class_answers_expressions_and_refuses_assignment():
    assert repr(Account.name) == "Account.name" and Account.name is Account.name
    with pytest.raises(AttributeError, match=r"Account\.name is a mapped column"):
        Account.name = 1
    with pytest.raises(AttributeError, match="mapped relation"):
        del Account.children
    with pytest.raises(TypeError, match="bases"):
        Account.__bases__ = (Base,)
    Account.note = "fine"
    assert Account().note == "fine"


def test_types_of_the_extension_cannot_change():
    from ormkit import _ormkit

    for cls in (_ormkit.Model, _ormkit.Model.__base__, _ormkit.ModelType):
        with pytest.raises(TypeError):
            cls.anything = 1
    with pytest.raises(TypeError):
        type("Own", (_ormkit.Model.__base__,), {})


# ------------------------------------------------------------------ copies


def test_copy_is_of_no_session_and_keeps_values_and_marks():
    account = Account(id=1, name="a")
    account._note = [1]
    twin = copy.copy(account)
    assert (twin.id, twin.name, twin._note, set_by_user(twin)) == (1, "a", [1], {"id", "name"})
    assert twin is not account and twin._note is account._note
    twin.name = "b"
    assert account.name == "a"


def test_deepcopy_copies_values_and_cycles():
    account = Account(id=1, tags=[[1]])
    account._me = account
    twin = copy.deepcopy(account)
    assert twin._me is twin and twin.tags == [[1]] and twin.tags[0] is not account.tags[0]


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_pickle_keeps_what_is_loaded(protocol):
    account = loaded(Account, id=1, name="a")
    account.name = "b"
    twin = pickle.loads(pickle.dumps(account, protocol))
    assert (twin.id, twin.name, set_by_user(twin)) == (1, "b", {"name"})
    assert not hasattr(twin, "email")


# ------------------------------------------------------------------ memory


def test_weak_reference_dies_with_its_object():
    account, gone = Account(), []
    ref = weakref.ref(account, gone.append)
    assert ref() is account
    del account
    assert ref() is None and gone == [ref]


def test_cycles_through_slots_and_dict_are_collected():
    one, two = Account(), Account()
    one.parent, two.parent = two, one
    one._me = one
    ref = weakref.ref(one)
    del one, two
    gc.collect()
    assert ref() is None


def test_cycle_through_an_original_is_collected():
    one, two = loaded(Account, id=1), loaded(Account, id=2)
    one.__setstate__(({"parent": two}, [], DETACHED, None))
    two.parent = one
    one.parent = None
    ref = weakref.ref(one)
    del one, two
    gc.collect()
    assert ref() is None


def test_harmless_values_leave_the_object_untracked():
    account = Account(id=1, name="a", tags=None)
    assert not gc.is_tracked(account)
    account.level = 2
    assert not gc.is_tracked(account)
    account.tags = []
    assert gc.is_tracked(account)
    other = Account(tags=None)
    other.__dict__  # noqa: B018
    assert gc.is_tracked(other)


def test_finalizer_runs_once_and_may_resurrect():
    kept = []

    class Ghost(Base):
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str | None]

        def __del__(self):
            kept.append((self, self.name))

    Ghost(id=1, name="boo")
    ghost, name = kept.pop()
    assert (ghost.id, name) == (1, "boo")
    del ghost
    assert kept == []


def test_values_are_counted_exactly():
    value, other = object(), object()
    before = sys.getrefcount(value), sys.getrefcount(other)
    for _ in range(50):
        account = loaded(Account, id=1, name=value)
        account.name = other
        account.name = value
        account._x = other
        copy.copy(account)
        Account(name=value, email=other)
        del account
    gc.collect()
    assert (sys.getrefcount(value), sys.getrefcount(other)) == before


def test_old_value_is_dropped_when_the_object_is_in_order():
    class Nosy:
        def __del__(self):
            seen.append(account.name)

    seen = []
    account = Account(name=Nosy())
    account.name = "new"
    assert seen == ["new"]


def test_old_value_that_changes_the_object_while_compared_does_no_harm():
    class Meddler:
        def __eq__(self, other):
            account.name = "meddled"
            return False

        __hash__ = None

    account = loaded(Account, id=1, name=Meddler())
    account.name = Meddler()
    assert isinstance(account.name, Meddler) and set_by_user(account) == {"name"}


def test_chain_of_a_million_is_freed():
    class Link(Base):
        id: Mapped[int] = mapped_column(primary_key=True)
        parent_id: Mapped[int | None] = mapped_column(ForeignKey("links.id"))
        parent: Mapped["Link | None"] = relationship(remote_side="id")

    head = None
    for _ in range(1_000_000):
        link = Link.__new__(Link)
        link.parent = head
        head = link
    ref = weakref.ref(head)
    del head, link
    assert ref() is None


def test_two_hundred_columns_are_stored_and_marked():
    body: dict[str, Any] = {"__annotations__": {f"c{i}": Mapped[int] for i in range(200)}, "__module__": __name__}
    body["c0"] = mapped_column(primary_key=True)
    Wide = type(Base)("Wide", (Base,), body)
    wide = loaded(Wide, **{f"c{i}": i for i in range(200)})
    for i in (0, 63, 64, 127, 128, 199):
        setattr(wide, f"c{i}", -1)
    assert set_by_user(wide) == {"c0", "c63", "c64", "c127", "c128", "c199"}
    assert [getattr(wide, f"c{i}") for i in (1, 62, 65, 198)] == [1, 62, 65, 198]


def test_random_operations_keep_objects_in_order():
    threshold = gc.get_threshold()
    gc.set_threshold(5)
    try:
        rng, pool, shadow = random.Random(7), [], []
        names = ["name", "email", "tags", "_a", "_b"]
        for step in range(200_000):
            if not pool or rng.random() < 0.05:
                pool.append(Account(id=step) if rng.random() < 0.5 else loaded(Account, id=step, name="n"))
                shadow.append({"id": step})
            at = rng.randrange(len(pool))
            obj, known = pool[at], shadow[at]
            action = rng.random()
            if action < 0.5:
                name = rng.choice(names)
                value = rng.choice([step, str(step), [step], None, (obj,), {"k": step}])
                setattr(obj, name, value)
                known[name] = value
            elif action < 0.8:
                for name, value in known.items():
                    assert getattr(obj, name) is value or getattr(obj, name) == value
            elif action < 0.9:
                obj.parent = rng.choice(pool)
            elif action < 0.93:
                twin = copy.copy(obj)
                assert twin.id == known["id"]
            elif len(pool) > 20:
                pool.pop(at), shadow.pop(at)
    finally:
        gc.set_threshold(*threshold)
    for obj, known in zip(pool, shadow, strict=True):
        assert obj.id == known["id"]


# ------------------------------------------------------------------ classes of all kinds


class Slotted:
    __slots__ = ()

    def shout(self):
        return self.name.upper()


class Unslotted:
    limit = 3


def test_mixins_with_and_without_slots():
    class Mixed(Slotted, Unslotted, Base):
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str]

    mixed = Mixed(id=1, name="a")
    assert (mixed.shout(), mixed.limit) == ("A", 3)
    mixed._x = 1
    assert mixed.__dict__ == {"_x": 1} and gc.is_tracked(mixed)


T = TypeVar("T")


def test_generic_model_can_be_subscripted():
    class Box(Base, Generic[T]):
        __tablename__ = "boxes"
        id: Mapped[int] = mapped_column(primary_key=True)

    assert Box[int](id=1).id == 1
    assert isinstance(Box[int](id=1), Box)


def test_own_init_is_called_whenever_it_was_assigned():
    class Own(Base):
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str | None]

        def __init__(self, name):
            super().__init__(name=name)

    assert Own("a").name == "a"
    Own.__init__ = lambda self: None
    assert Own().name is None


def test_own_init_that_leaves_columns_out_still_gets_defaults():
    class Lazy(Base):
        __tablename__ = "lazies"
        id: Mapped[int] = mapped_column(primary_key=True)
        level: Mapped[int] = mapped_column(default=4)

        def __init__(self):
            pass

    assert (Lazy().level, Lazy().id) == (4, None)


def test_own_setattr_sees_every_assignment_also_the_constructors():
    seen = []

    class Watched(Base):
        id: Mapped[int] = mapped_column(primary_key=True)

        def __setattr__(self, name, value):
            seen.append(name)
            super().__setattr__(name, value)

    Watched(id=1).id = 2
    assert seen == ["id", "id"]


def test_own_getattr_is_asked_for_unknown_names():
    class Open(Base):
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str | None]

        def __getattr__(self, name):
            if name.startswith("x_"):
                return name
            return super().__getattr__(name)

    opened = loaded(Open, id=1)
    assert (opened.id, opened.x_1) == (1, "x_1")
    with pytest.raises(AttributeError, match="not loaded"):
        opened.name  # noqa: B018


def test_properties_work_as_keywords_and_their_errors_are_not_masked():
    class Person(Base):
        id: Mapped[int] = mapped_column(primary_key=True)
        first: Mapped[str | None]

        @property
        def title(self):
            return f"Dr {self.first}"

        @title.setter
        def title(self, value):
            self.first = value.removeprefix("Dr ")

    assert Person(title="Dr Who").first == "Who"
    with pytest.raises(AttributeError, match=r"Person\.first.* not loaded"):
        loaded(Person, id=1).title  # noqa: B018


def test_property_drops_an_inherited_column():
    class Named(Base):
        __abstract__ = True
        name: Mapped[str]

    class Fixed(Named):
        __tablename__ = "fixed"
        id: Mapped[int] = mapped_column(primary_key=True)

        @property
        def name(self):
            return "fixed"

    assert list(Fixed.__columns__) == ["id"] and Fixed().name == "fixed"


def test_subclass_extends_its_parents_table_and_reuses_its_slots():
    class Staff(Account):
        wage: Mapped[int | None]
        level: Mapped[int] = mapped_column(default=9)

    staff = Staff(id=1, name="s", wage=3)
    assert Staff.__tablename__ == "accounts" and (staff.name, staff.wage, staff.level) == ("s", 3, 9)
    assert set_by_user(staff) == {"id", "name", "wage"}
    assert Account(id=2).level == 1 and isinstance(staff, Account)


def test_own_slots_and_cached_properties_work():
    from functools import cached_property

    class Kept(Base):
        __slots__ = ("__dict__", "_handle")
        __tablename__ = "kept"
        id: Mapped[int] = mapped_column(primary_key=True)

        @cached_property
        def twice(self):
            return self.id * 2

    kept = Kept(id=2)
    kept._handle = kept
    assert kept._handle is kept and kept.twice == 4 and kept.__dict__ == {"twice": 4}


def test_class_of_an_object_changes_only_where_the_slots_agree():
    class Plain(Base):
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str | None]

    class Fancy(Plain):
        def shout(self):
            return self.name.upper()

    class Swapped(Base):
        name: Mapped[str | None]
        id: Mapped[int] = mapped_column(primary_key=True)

    plain = Plain(id=1, name="a")
    plain.__class__ = Fancy
    assert plain.shout() == "A"
    with pytest.raises(TypeError):
        plain.__class__ = Swapped
    with pytest.raises(TypeError):
        plain.__class__ = int


def test_two_mapped_roots_are_refused():
    class Left(Base):
        id: Mapped[int] = mapped_column(primary_key=True)

    class Right(Base):
        id: Mapped[int] = mapped_column(primary_key=True)

    with pytest.raises(TypeError, match="extends two mapped classes, Left and Right"):

        class Both(Left, Right):
            pass


def test_abstract_methods_need_a_joint_metaclass():
    from abc import ABC, ABCMeta, abstractmethod

    from ormkit.base import ModelMeta

    class Meta(ModelMeta, ABCMeta):
        pass

    class Shape(ABC):
        @abstractmethod
        def area(self): ...

    class Square(Base, Shape, metaclass=Meta):
        id: Mapped[int] = mapped_column(primary_key=True)
        side: Mapped[int]

        def area(self):
            return self.side**2

    assert Square(side=3).area() == 9 and isinstance(Square(), Shape)


def test_class_is_not_mapped_yet_inside_init_subclass():
    seen = []

    class Hooked(Base):
        __abstract__ = True

        def __init_subclass__(cls, **options):
            seen.append(hasattr(cls, "__columns__"))

    class Child(Hooked):
        __tablename__ = "hooked"
        id: Mapped[int] = mapped_column(primary_key=True)

    assert seen == [False] and list(Child.__columns__) == ["id"]
