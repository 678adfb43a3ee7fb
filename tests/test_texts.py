"""Texts in conditions: letters of every script, patterns, regular expressions; the same on both databases."""

from __future__ import annotations

import random
from typing import Any

import pytest

from ormkit import AsyncSession, DeclarativeBase, F, Mapped, func, mapped_column, select
from ormkit.exc import DataError, NotSupportedError


class Base(DeclarativeBase):
    __abstract__ = True


class Name(Base):
    __tablename__ = "text_names"
    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str | None]
    other: Mapped[str | None]


LETTERS = "aAbBßẞäÄéÉıIİiKK ςσΣжЖ%_\\.*\nǅǆ"


def folded(text: str) -> str:
    return "".join(letter.lower()[0] for letter in text)


def matches(pattern: str, text: str) -> bool:
    """LIKE, by recursion."""
    if not pattern:
        return not text
    sign, rest = pattern[0], pattern[1:]
    if sign == "%":
        return any(matches(rest, text[at:]) for at in range(len(text) + 1))
    if sign == "\\":
        return bool(text) and rest[:1] == text[0] and matches(rest[1:], text[1:])
    return bool(text) and sign in ("_", text[0]) and matches(rest, text[1:])


@pytest.fixture
async def names(engine: Any) -> Any:
    chance = random.Random(3)

    def some() -> str | None:
        if chance.random() < 0.1:
            return None
        return "".join(chance.choice(LETTERS) for _ in range(chance.randrange(5)))

    texts = [(some(), some()) for _ in range(200)]
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        await session.insert_all([Name(id=at, text=one, other=two) for at, (one, two) in enumerate(texts)])
        yield session, texts


async def found(session: AsyncSession, condition: Any) -> list[int]:
    return sorted((await session.scalars(select(Name.id).where(condition))).all())


def kept(texts: list[Any], test: Any) -> list[int]:
    return [at for at, (text, _) in enumerate(texts) if text is not None and test(text)]


async def test_letters_of_every_script_are_folded_alike(names):
    session, texts = names
    for seed in range(60):
        chance = random.Random(seed)
        part = "".join(chance.choice(LETTERS) for _ in range(chance.randrange(1, 3)))
        low = folded(part)
        column = Name.text
        for condition, word, test in [
            (column.icontains(part), "icontains", lambda text: low in folded(text)),  # noqa: B023
            (column.istartswith(part), "istartswith", lambda text: folded(text).startswith(low)),  # noqa: B023
            (column.iendswith(part), "iendswith", lambda text: folded(text).endswith(low)),  # noqa: B023
        ]:
            expected = kept(texts, test)
            assert await found(session, condition) == expected, (word, part)
            query = session.query(Name).filter(**{f"text__{word}": part}).order_by("id")
            assert [name.id for name in await query] == expected, (word, part)
        whole = session.query(Name).filter(text__iexact=part).order_by("id")
        assert [name.id for name in await whole] == kept(texts, lambda text: folded(text) == low)  # noqa: B023


async def test_patterns_match_what_they_say(names):
    session, texts = names
    for seed in range(80):
        chance = random.Random(seed)
        pattern = "".join(chance.choice("aÄäß%%__b") for _ in range(chance.randrange(4)))
        exact = kept(texts, lambda text: matches(pattern, text))  # noqa: B023
        any_case = kept(texts, lambda text: matches(folded(pattern), folded(text)))  # noqa: B023
        assert await found(session, Name.text.like(pattern)) == exact, pattern
        assert await found(session, Name.text.ilike(pattern)) == any_case, pattern
        present = kept(texts, lambda _: True)
        assert await found(session, Name.text.not_ilike(pattern)) == sorted(set(present) - set(any_case)), pattern
        assert await found(session, Name.text.notlike(pattern)) == sorted(set(present) - set(exact)), pattern


async def test_parts_given_by_another_column_are_literal(names):
    session, texts = names
    pairs = [(at, one, two) for at, (one, two) in enumerate(texts) if one is not None and two is not None]
    for condition, test in [
        (Name.text.icontains(Name.other), lambda one, two: folded(two) in folded(one)),
        (Name.text.startswith(Name.other), lambda one, two: one.startswith(two)),
        (Name.text.iendswith(Name.other), lambda one, two: folded(one).endswith(folded(two))),
    ]:
        assert await found(session, condition) == [at for at, one, two in pairs if test(one, two)]


async def test_escape_sign_of_a_pattern_is_the_callers(names):
    session, texts = names
    assert await found(session, Name.text.like("%!%%", escape="!")) == kept(texts, lambda text: "%" in text)
    assert await found(session, Name.text.ilike("%\\%", escape="#")) == kept(texts, lambda text: "\\" in text)
    with pytest.raises(ValueError, match="escape sign"):
        Name.text.like("a!", escape="!")
    with pytest.raises(NotSupportedError, match="like"):
        Name.text.contains("a", autoescape=False)


async def test_regular_expressions(names):
    session, texts = names
    column = Name.text
    assert await found(session, column.regexp_match("^a.*b$")) == kept(
        texts, lambda text: text.startswith("a") and text.endswith("b") and len(text) > 1
    )
    assert await found(session, ~column.regexp_match("[äÄ]")) == kept(texts, lambda text: not set(text) & {"ä", "Ä"})
    assert await found(session, column.regexp_match("ж", flags="i")) == kept(texts, lambda text: "ж" in text.lower())
    query = session.query(Name).filter(text__iregex="^É").order_by("id")
    assert [name.id for name in await query] == kept(texts, lambda text: text[:1] in ("é", "É"))
    assert await found(session, column.regexp_match(".")) == kept(texts, lambda text: text != "")
    with pytest.raises(NotSupportedError, match="flag"):
        column.regexp_match("a", flags="x")
    with pytest.raises(DataError, match="invalid regular expression") as error:
        await found(session, column.regexp_match("("))
    assert error.value.sqlstate == "2201B"


async def test_lengths_count_characters(names):
    session, texts = names
    query = session.query(Name).filter(text__len__gte=3).order_by("id")
    assert [name.id for name in await query] == kept(texts, lambda text: len(text) >= 3)
    assert [name.id for name in await session.query(Name).filter(text__len=F("id")).order_by("id")] == [
        at for at, (text, _) in enumerate(texts) if text is not None and len(text) == at
    ]


async def test_texts_are_put_one_behind_the_other(names):
    session, texts = names
    joined = select(Name.text.concat("!"), "<" + Name.text + ">", func.length(Name.text)).order_by(Name.id)
    rows = (await session.execute(joined)).all()
    assert [tuple(row) for row in rows] == [
        (None, None, None) if text is None else (text + "!", f"<{text}>", len(text)) for text, _ in texts
    ]


async def test_sort_order_is_that_of_the_collation(names, engine):
    session, texts = names
    collation = "C" if engine.dialect == "postgresql" else "BINARY"
    query = select(Name.text).where(Name.text.is_not(None)).order_by(Name.text.collate(collation))
    assert (await session.scalars(query)).all() == sorted(
        (text for text, _ in texts if text is not None), key=str.encode
    )
