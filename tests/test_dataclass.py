"""`MappedAsDataclass`: constructor, repr and comparisons."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any

import pytest

from ormkit import (
    AsyncSession,
    Computed,
    DeclarativeBase,
    FieldError,
    ForeignKey,
    Identity,
    InvalidRequestError,
    Mapped,
    MappedAsDataclass,
    NotSupportedError,
    func,
    mapped_column,
    relationship,
)


class Base(MappedAsDataclass, DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "dc_users"
    id: Mapped[int] = mapped_column(init=False, primary_key=True)
    name: Mapped[str]
    nick: Mapped[str | None] = mapped_column(default=None)
    secret: Mapped[str] = mapped_column(default="x", repr=False)
    made: Mapped[str] = mapped_column(insert_default=func.lower("MADE"), default=None)
    tags: Mapped[dict[str, Any]] = mapped_column(default_factory=dict, repr=False, compare=False)
    posts: Mapped[list[Post]] = relationship(default_factory=list, back_populates="user", repr=False, compare=False)


class Post(Base):
    __tablename__ = "dc_posts"
    id: Mapped[int] = mapped_column(init=False, primary_key=True)
    title: Mapped[str]
    user_id: Mapped[int | None] = mapped_column(ForeignKey("dc_users.id"), init=False)
    user: Mapped[User | None] = relationship(default=None, back_populates="posts")


def test_the_constructor_takes_what_a_dataclass_would():
    user = User("Ada", nick="A")
    assert (user.name, user.nick, user.secret, user.tags, user.posts) == ("Ada", "A", "x", {}, [])
    assert user.tags is not User(name="B").tags
    assert list(inspect.signature(User).parameters) == ["name", "nick", "secret", "made", "tags", "posts"]
    assert [field.name for field in dataclasses.fields(User)][:2] == ["id", "name"]
    for arguments, text in [
        ({}, "User() needs a value for: name"),
        ({"name": "a", "nam": "b"}, "User() takes no argument `nam`: did you mean `name`?"),
        ({"name": "a", "id": 3}, "User() takes no argument `id`"),
    ]:
        with pytest.raises(TypeError) as caught:
            User(**arguments)
        assert text in str(caught.value)
    with pytest.raises(TypeError, match="positional"):
        User("a", "b", "c", "d", {}, [], 7)
    with pytest.raises(TypeError, match="twice"):
        User("a", name="b")


async def test_defaults_of_insert_and_of_the_constructor(engine):
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        user = await session.insert(User(name="Ada", posts=[Post(title="t")]))
        assert (user.id, user.made, user.nick, user.posts[0].user_id) == (1, "made", None, 1)
        given = await session.insert(User(name="Bea", made="mine"))
        assert given.made == "mine"
    async with AsyncSession(engine) as session:
        again = await session.get(User, 1)
        assert again == user
        assert again != given
        with pytest.raises(AttributeError, match=r"query <User id=1> with"):
            again.posts  # noqa: B018
        assert repr(again) == "User(id=1, name='Ada', nick=None, made='made')"
        post = await session.get(Post, 1)
        assert "user=<not loaded>" in repr(post) or "user=User" in repr(post)


def test_repr_of_objects_that_lead_to_each_other():
    user = User(name="A")
    post = Post(title="t", user=user)
    assert user.posts == [post]
    assert repr(post) == "Post(id=None, title='t', user_id=None, user=User(id=None, name='A', nick=None, made=None))"


def test_options_of_the_class():
    class Own(MappedAsDataclass, DeclarativeBase, kw_only=True):
        pass

    class Version(Own, order=True, unsafe_hash=True, repr=False):
        major: Mapped[int] = mapped_column(primary_key=True)
        minor: Mapped[int] = mapped_column(default=0)

        def __post_init__(self) -> None:
            self.minor += 1

    assert Version(major=1) < Version(major=1, minor=3)
    assert Version(major=1).minor == 1
    assert len({Version(major=1), Version(major=1), Version(major=2)}) == 2
    assert repr(Version(major=1)) == "<Version major=1>"
    with pytest.raises(TypeError, match="positional"):
        Version(1)

    class Plain(Own, eq=False, init=False):
        id: Mapped[int] = mapped_column(primary_key=True)

    assert Plain(id=1) != Plain(id=1)
    assert hash(Plain(id=1))


def test_what_the_class_defines_stays():
    class Own(MappedAsDataclass, DeclarativeBase):
        pass

    class Thing(Own):
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str] = mapped_column(default="x")

        def __init__(self) -> None:
            self.name = "own"

        def __repr__(self) -> str:
            return "mine"

    assert (Thing().name, repr(Thing())) == ("own", "mine")


def test_what_the_database_alone_writes_is_no_parameter():
    class Own(MappedAsDataclass, DeclarativeBase):
        pass

    class Box(Own):
        id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
        side: Mapped[int]
        area: Mapped[int] = mapped_column(Computed("side * side"))

    assert list(inspect.signature(Box).parameters) == ["side"]


def test_mixins_and_subclasses():
    class Own(MappedAsDataclass, DeclarativeBase):
        pass

    class Stamped(MappedAsDataclass):
        stamp: Mapped[str] = mapped_column(kw_only=True, default="s")

    class Animal(Stamped, Own):
        __tablename__ = "dc_animals"
        id: Mapped[int] = mapped_column(primary_key=True, init=False)
        name: Mapped[str]

    class Dog(Animal):
        breed: Mapped[str | None] = mapped_column(default=None)

    assert (Animal("a").stamp, Animal("a", stamp="t").stamp) == ("s", "t")
    dog = Dog("Rex", "mutt")
    assert (dog.name, dog.breed, dog.stamp) == ("Rex", "mutt", "s")


def test_one_class_alone_and_wrong_options():
    class Own(DeclarativeBase):
        pass

    class Alone(MappedAsDataclass, Own):
        id: Mapped[int] = mapped_column(primary_key=True)

    assert Alone(3).id == 3
    with pytest.raises(FieldError, match="kw_only"):

        class Wrong(MappedAsDataclass, Own, kwonly=True):
            id: Mapped[int] = mapped_column(primary_key=True)

    with pytest.raises(InvalidRequestError, match="order=True needs eq=True"):

        class Unordered(MappedAsDataclass, Own, order=True, eq=False):
            id: Mapped[int] = mapped_column(primary_key=True)

    with pytest.raises(NotSupportedError, match=r"relationship\(default=\.\.\)"):

        class Plain(Own):
            id: Mapped[int] = mapped_column(primary_key=True)
            plain_id: Mapped[int] = mapped_column(ForeignKey("plains.id"))
            up: Mapped[Plain | None] = relationship(default=None, remote_side="id")
