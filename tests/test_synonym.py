"""`synonym`: another name of an attribute."""

from __future__ import annotations

import pytest

from ormkit import (
    AsyncSession,
    DeclarativeBase,
    Engine,
    F,
    ForeignKey,
    Mapped,
    Max,
    Min,
    NotSupportedError,
    aliased,
    column_property,
    mapped_column,
    relationship,
    select,
    selectinload,
    synonym,
    update,
)


class Base(DeclarativeBase):
    pass


class Account(Base):
    __tablename__ = "synonym_accounts"
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column()
    login: Mapped[str] = synonym("email")
    shown = column_property(email + "!")
    label = synonym("shown")
    notes: Mapped[list[Note]] = relationship(back_populates="account")
    remarks = synonym("notes")


class Note(Base):
    __tablename__ = "synonym_notes"
    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("synonym_accounts.id"))
    account: Mapped[Account] = relationship(back_populates="notes")


def test_objects_have_one_value_under_both_names() -> None:
    account = Account(login="a@x")
    assert (account.email, account.login) == ("a@x", "a@x")
    account.login = "b@x"
    assert account.email == "b@x"
    assert "login" not in account.to_dict()
    account.remarks.append(Note())
    assert len(account.notes) == 1
    assert list(Account.__columns__) == ["id", "email"]


async def test_queries_take_either_name(engine: Engine) -> None:
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        session.add_all([Account(login="a@x", remarks=[Note()]), Account(email="b@x")])
        await session.commit()
        assert (await session.scalars(select(Account.login).order_by(Account.login.desc()))).all() == ["b@x", "a@x"]
        assert (await session.execute(select(Account.login).limit(1))).keys() == ["email"]
        assert (await session.scalars(select(Account.id).where(Account.login == "b@x"))).all() == [2]
        other = aliased(Account)
        assert (await session.scalars(select(other.id).where(other.login == "b@x"))).all() == [2]
        assert [account.id for account in await session.query(Account).filter(login="a@x")] == [1]
        assert [account.id for account in await session.query(Account).filter(login__startswith="b")] == [2]
        assert [account.id for account in await session.query(Account).order_by("-login")] == [2, 1]
        assert [note.id for note in await session.query(Note).filter(account__login="a@x")] == [1]
        assert await session.query(Account).aggregate(a=Min("login"), b=Max("label")) == {"a": "a@x", "b": "b@x!"}
        assert await session.query(Account).aggregate(a=Max(F("login"))) == {"a": "b@x"}
        assert (await session.scalars(select(Account.label).where(Account.label == "a@x!"))).all() == ["a@x!"]
        loaded = (
            await session.scalars(select(Account).options(selectinload(Account.remarks)).where(Account.id == 1))
        ).one()
        assert len(loaded.remarks) == 1
        assert await session.query(Account).filter(id=1).update(login="c@x") == 1
        await session.execute(update(Account).where(Account.id == 2).values(login="d@x"))
        assert sorted((await session.scalars(select(Account.email))).all()) == ["c@x", "d@x"]
        await session.commit()


def test_option_that_has_another_form_is_named() -> None:
    with pytest.raises(NotSupportedError, match=r"synonym\(descriptor=\.\.\).*hybrid_property"):
        synonym("email", descriptor=property(lambda self: 1))  # type: ignore[arg-type]


def test_synonym_of_nothing_is_told_when_it_is_read() -> None:
    class Odd(Base):
        __tablename__ = "synonym_odd"
        id: Mapped[int] = mapped_column(primary_key=True)
        email: Mapped[str]
        login = synonym("emial")

    with pytest.raises(AttributeError, match="did you mean `email`"):
        _ = Odd.login
