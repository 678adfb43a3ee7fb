"""Lists that are never loaded: `WriteOnlyMapped`, and `with_parent` for the others."""

import copy
import pickle

import pytest

from ormkit import (
    AsyncSession,
    DeclarativeBase,
    ForeignKey,
    ForeignKeyConstraint,
    InvalidRequestError,
    Mapped,
    SoftDeleteMixin,
    WriteOnlyCollection,
    WriteOnlyMapped,
    aliased,
    event,
    func,
    inspect,
    joinedload,
    mapped_column,
    noload,
    relationship,
    select,
    selectinload,
    with_parent,
)
from ormkit.testing import assert_queries


class Base(DeclarativeBase):
    pass


class Writer(Base):
    __tablename__ = "wo_writers"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    posts: WriteOnlyMapped["Post"] = relationship(back_populates="writer", order_by="-Post.title")
    notes: WriteOnlyMapped["Note"] = relationship(cascade="all, delete-orphan")
    tags: WriteOnlyMapped["Tag"] = relationship(secondary="wo_writer_tags", back_populates="writers")
    shelves: WriteOnlyMapped["Shelf"] = relationship(passive_deletes=True)


class Post(SoftDeleteMixin, Base):
    __tablename__ = "wo_posts"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    writer_id: Mapped[int | None] = mapped_column(ForeignKey("wo_writers.id"))
    writer: Mapped["Writer | None"] = relationship(back_populates="posts")


class Note(Base):
    __tablename__ = "wo_notes"
    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]
    writer_id: Mapped[int | None] = mapped_column(ForeignKey("wo_writers.id"))


class Tag(Base):
    __tablename__ = "wo_tags"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    writers: Mapped[list["Writer"]] = relationship(secondary="wo_writer_tags", back_populates="tags")


class Shelf(Base):
    __tablename__ = "wo_shelves"
    id: Mapped[int] = mapped_column(primary_key=True)
    writer_id: Mapped[int] = mapped_column(ForeignKey("wo_writers.id", ondelete="CASCADE"))


class Folder(Base):
    __tablename__ = "wo_folders"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("wo_folders.id"))
    parent: Mapped["Folder | None"] = relationship(remote_side="Folder.id", back_populates="folders")
    folders: Mapped[list["Folder"]] = relationship(back_populates="parent", lazy="write_only")


class Land(Base):
    __tablename__ = "wo_lands"
    code: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    towns: WriteOnlyMapped["Town"] = relationship(back_populates="land")


class Town(Base):
    __tablename__ = "wo_towns"
    __table_args__ = (ForeignKeyConstraint(["land_code", "land_number"], ["wo_lands.code", "wo_lands.number"]),)
    id: Mapped[int] = mapped_column(primary_key=True)
    land_code: Mapped[str | None]
    land_number: Mapped[int | None]
    land: Mapped["Land | None"] = relationship(back_populates="towns")


@pytest.fixture
async def session(engine):
    """Ann has the posts A and B, the notes n and m, and the tag x; Bob has the post C."""
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        ann, bob, x = Writer(name="Ann"), Writer(name="Bob"), Tag(name="x")
        session.add_all([ann, bob, x, Tag(name="y")])
        ann.posts.add(Post(title="A"), Post(title="B"))
        ann.notes.add_all([Note(text="n"), Note(text="m")])
        ann.tags.add(x)
        bob.posts.add(Post(title="C"))
        await session.commit()
    async with AsyncSession(engine) as session:
        yield session
        await session.rollback()


async def ann_of(session):
    return await session.get(Writer, 1)


async def titles(session, writer):
    return [post.title for post in await session.scalars(writer.posts.select())]


async def posts(engine):
    return (await engine.execute("SELECT title, writer_id FROM wo_posts ORDER BY title")).tuples()


async def links(engine):
    return (await engine.execute("SELECT * FROM wo_writer_tags ORDER BY 1, 2")).tuples()


# Reading.


async def test_select_reads_the_related_rows_in_the_order_of_the_relation(session):
    ann = await ann_of(session)
    with assert_queries(1):
        assert await titles(session, ann) == ["B", "A"]
    assert [post.writer for post in await session.scalars(ann.posts.select())] == [ann, ann]


async def test_select_can_be_narrowed_down_and_counted(session):
    ann = await ann_of(session)
    assert await session.scalar(ann.posts.select().where(Post.title == "A")) is not None
    rows = ann.posts.select().order_by(None).subquery()
    assert await session.scalar(select(func.count()).select_from(rows)) == 2


async def test_select_leaves_out_soft_deleted_rows(session):
    ann = await ann_of(session)
    await session.soft_delete(await session.scalar(ann.posts.select().where(Post.title == "A")))
    assert await titles(session, ann) == ["B"]


async def test_select_goes_through_a_junction(session):
    ann, bob = await ann_of(session), await session.get(Writer, 2)
    assert [tag.name for tag in await session.scalars(ann.tags.select())] == ["x"]
    assert (await session.scalars(bob.tags.select())).all() == []


async def test_a_class_may_refer_to_itself(session):
    top = Folder(name="top")
    session.add(top)
    top.folders.add(Folder(name="in", folders=[Folder(name="deep")]))
    await session.flush()
    inner = await session.scalar(top.folders.select())
    assert inner.name == "in" and inner.parent is top
    assert [folder.name for folder in await session.scalars(inner.folders.select())] == ["deep"]


async def test_keys_may_have_several_columns(session):
    land = Land(code="de", number=1)
    session.add(land)
    land.towns.add(Town(id=1), Town(id=2))
    await session.commit()
    assert len((await session.scalars(land.towns.select())).all()) == 2
    await session.execute(land.towns.insert(), [{"id": 3}])
    assert (await session.get(Town, 3)).land is land
    await session.commit()


async def test_select_of_an_object_that_is_not_flushed_says_so(session):
    for new in (Writer(name="Cid"), Folder(name="new")):
        session.add(new)
    with session.no_autoflush, pytest.raises(TypeError, match=r"Writer has no Writer\.id yet: flush it"):
        next(iter(session.new)).posts.select()
    session.expunge_all()


async def test_nothing_else_reads_it(session):
    ann = await ann_of(session)
    for read in (iter, len, bool, list, lambda it: it[0], lambda it: None in it):
        with pytest.raises(TypeError, match=r"Writer\.posts is write-only and never loaded.*posts\.select\(\)"):
            read(ann.posts)
    with pytest.raises(AttributeError, match=r"write add\(object\)"):
        ann.posts.append(Post(title="D"))
    assert repr(ann.posts) == "<WriteOnlyCollection Writer.posts>"
    assert isinstance(ann.posts, WriteOnlyCollection)


async def test_what_would_load_it_is_refused_before_anything_is_sent(session):
    ann = await ann_of(session)
    with assert_queries(0):
        for option in (selectinload, joinedload, noload):
            with pytest.raises(InvalidRequestError, match=r"Writer\.posts is write-only"):
                await session.scalars(select(Writer).options(option(Writer.posts)))
        with pytest.raises(InvalidRequestError, match=r"Writer\.posts is write-only"):
            await session.load(ann, Writer.posts)
        with pytest.raises(InvalidRequestError, match=r"Writer\.posts is write-only"):
            await session.refresh(ann, ["posts"])


async def test_conditions_speak_of_it(session):
    found = await session.scalars(select(Writer).where(Writer.posts.any(Post.title == "C")))
    assert [writer.name for writer in found] == ["Bob"]
    assert await session.query(Writer).filter(posts__title="A").count() == 1


# Writing.


async def test_what_is_added_is_written_by_one_insert_and_reads_nothing(session, engine):
    ann = await ann_of(session)
    ann.posts.add(Post(title="D"), Post(title="E"))
    with assert_queries(1):
        await session.commit()
    assert [title for title, writer in await posts(engine) if writer == 1] == ["A", "B", "D", "E"]


async def test_a_removed_one_loses_its_key(session, engine):
    ann = await ann_of(session)
    post = await session.scalar(ann.posts.select().where(Post.title == "A"))
    ann.posts.remove(post)
    assert post.writer is None
    await session.commit()
    assert await posts(engine) == [("A", None), ("B", 1), ("C", 2)]


async def test_a_removed_one_that_is_no_member_stays_what_it_is(session, engine):
    ann = await ann_of(session)
    for title in ("C", "new"):
        post = await session.scalar(select(Post).where(Post.title == title)) or Post(title="new")
        ann.posts.remove(post)
    await session.commit()
    assert await posts(engine) == [("A", 1), ("B", 1), ("C", 2)]


async def test_a_removed_orphan_is_deleted(session, engine):
    ann = await ann_of(session)
    note = await session.scalar(ann.notes.select().where(Note.text == "n"))
    ann.notes.remove(note)
    await session.commit()
    assert (await engine.execute("SELECT text FROM wo_notes")).column("text") == ["m"]


async def test_both_sides_are_in_step(session):
    ann, bob = await ann_of(session), await session.get(Writer, 2)
    post = Post(title="D")
    ann.posts.add(post)
    assert post.writer is ann
    bob.posts.add(post)
    assert post.writer is bob
    await session.flush()
    assert post.writer_id == 2 and await titles(session, ann) == ["B", "A"]
    post.writer = ann
    await session.flush()
    assert await titles(session, ann) == ["D", "B", "A"]


async def test_a_reference_to_a_new_owner_is_saved_with_it(session):
    cid = Writer(name="Cid")
    session.add(cid)
    Post(title="D", writer=cid)
    await session.flush()
    assert await titles(session, cid) == ["D"]


async def test_links_of_a_junction_are_written(session, engine):
    ann = await ann_of(session)
    x, y = await session.scalars(select(Tag).order_by(Tag.name))
    ann.tags.add(y)
    ann.tags.remove(x)
    await session.commit()
    assert await links(engine) == [(1, 2)]
    await session.load(y, Tag.writers)
    y.writers.append(await session.get(Writer, 2))
    await session.commit()
    assert await links(engine) == [(1, 2), (2, 2)]


async def test_an_awaited_change_is_written_at_once(session, engine):
    ann = await ann_of(session)
    await ann.posts.add(Post(title="D"))
    assert ("D", 1) in await posts(engine)
    await ann.posts.remove(await session.scalar(ann.posts.select().where(Post.title == "D")))
    assert ("D", None) in await posts(engine)


async def test_what_was_written_is_not_written_again(session):
    ann = await ann_of(session)
    ann.posts.add(Post(title="D"))
    await session.commit()
    assert not session.dirty and not inspect(ann).attrs.posts.history.has_changes()
    with assert_queries(0):
        await session.flush()


async def test_a_rollback_gives_changes_up_and_the_list_goes_on(session, engine):
    ann = await ann_of(session)
    kept, post = ann.posts, await session.scalar(select(Post).where(Post.title == "A"))
    kept.add(Post(title="D"))
    kept.remove(post)
    await session.flush()
    await session.rollback()
    assert post.writer_id == 1 and not session.dirty
    kept.add(Post(title="E"))
    await session.commit()
    assert await posts(engine) == [("A", 1), ("B", 1), ("C", 2), ("E", 1)]


async def test_a_savepoint_gives_its_changes_up_alone(session, engine):
    ann = await ann_of(session)
    async with session.begin():
        ann.posts.add(Post(title="D"))
        with pytest.raises(ZeroDivisionError):
            async with session.begin_nested():
                ann.posts.add(Post(title="E"))
                await session.flush()
                raise ZeroDivisionError
    assert [title for title, _ in await posts(engine)] == ["A", "B", "C", "D"]


async def test_history_and_state_tell_of_changes_alone(session):
    ann = await ann_of(session)
    post = await session.scalar(select(Post).where(Post.title == "A"))
    new = Post(title="D")
    ann.posts.add(new)
    ann.posts.remove(post)
    added, unchanged, deleted = inspect(ann).attrs.posts.history
    assert (added, unchanged, deleted) == ([new], [], [post])
    assert "posts" in inspect(ann).unloaded and ann in session.dirty
    session.expire(ann, ["posts"])
    assert not inspect(ann).attrs.posts.history.has_changes()
    await session.rollback()


async def test_only_a_new_object_can_be_given_a_list(session, engine):
    cid = Writer(name="Cid", posts=[Post(title="D")])
    cid.posts = [Post(title="E")]
    session.add(cid)
    await session.commit()
    assert ("E", cid.id) in await posts(engine) and len(await posts(engine)) == 4
    with pytest.raises(InvalidRequestError, match=r"Writer\.posts is write-only.*use add"):
        cid.posts = []


async def test_listeners_of_the_attribute_hear_of_changes(session):
    heard = []
    listeners = [
        (name, lambda target, value, initiator, name=name: heard.append((name, target, value)))
        for name in ("append", "remove")
    ]
    for name, listener in listeners:
        event.listen(Writer.posts, name, listener)
    ann = await ann_of(session)
    old, new = await session.scalar(select(Post).where(Post.title == "A")), Post(title="D")
    ann.posts.add(new)
    ann.posts.remove(old)
    Post(title="E", writer=ann)
    for name, listener in listeners:
        event.remove(Writer.posts, name, listener)
    assert [(name, target) for name, target, _ in heard] == [("append", ann), ("remove", ann), ("append", ann)]
    assert heard[0][2] is new and heard[1][2] is old
    await session.rollback()


# Deleting the owner.


async def test_members_of_a_deleted_owner_go_as_the_cascades_say(session, engine):
    ann = await ann_of(session)
    ann.posts.add(Post(title="D"))
    session.delete(ann)
    await session.commit()
    assert await posts(engine) == [("A", None), ("B", None), ("C", 2), ("D", None)]
    assert (await engine.execute("SELECT text FROM wo_notes")).all() == []
    assert await links(engine) == []


async def test_a_member_that_was_removed_is_deleted_with_the_owner(session, engine):
    ann = await ann_of(session)
    ann.notes.remove(await session.scalar(ann.notes.select().where(Note.text == "n")))
    ann.notes.add(Note(text="new"))
    session.delete(ann)
    await session.commit()
    assert (await engine.execute("SELECT text FROM wo_notes")).all() == []


async def test_a_rolled_back_delete_leaves_nothing_loaded(session, engine):
    ann = await ann_of(session)
    session.delete(ann)
    await session.flush()
    await session.rollback()
    await engine.execute("INSERT INTO wo_notes (text, writer_id) VALUES ('late', 1)")
    session.delete(ann)
    await session.commit()
    assert (await engine.execute("SELECT text FROM wo_notes")).all() == []


async def test_passive_deletes_read_no_member(session, engine):
    ann = await ann_of(session)
    await session.execute(ann.shelves.insert(), [{"id": 1}, {"id": 2}])
    await session.commit()
    session.delete(ann)
    with assert_queries(5):  # posts and notes are read and written, and their writer; the shelves are not
        await session.commit()
    assert (await engine.execute("SELECT id FROM wo_shelves")).all() == []


# Statements that write.


async def test_insert_gives_the_key(session, engine):
    ann = await ann_of(session)
    await session.execute(ann.posts.insert(), [{"title": "D"}, {"title": "E"}])
    await session.execute(ann.posts.insert().values(title="F"))
    await session.commit()
    assert [title for title, writer in await posts(engine) if writer == 1] == ["A", "B", "D", "E", "F"]


async def test_insert_through_a_junction_says_what_to_do(session):
    ann = await ann_of(session)
    with pytest.raises(InvalidRequestError, match=r"Writer\.tags\.insert\(\).*add_all"):
        ann.tags.insert()
    await session.rollback()


async def test_update_and_delete_write_the_related_rows(session, engine):
    ann = await ann_of(session)
    await session.execute(ann.posts.update().values(title="Z").where(Post.title == "A"))
    await session.execute(ann.posts.delete().where(Post.title == "B"))
    await session.execute(ann.tags.update().values(name="z"))
    await session.commit()
    assert await posts(engine) == [("C", 2), ("Z", 1)]
    assert (await engine.execute("SELECT name FROM wo_tags ORDER BY name")).column("name") == ["y", "z"]


# Copies.


async def test_a_merged_object_brings_what_it_added(session, engine):
    given = Writer(id=1, name="Anna")
    given.posts.add(Post(title="D"))
    ann = await session.merge(given)
    await session.commit()
    assert ann.name == "Anna"
    assert [title for title, writer in await posts(engine) if writer == 1] == ["A", "B", "D"]


@pytest.mark.parametrize("made", [lambda one: pickle.loads(pickle.dumps(one)), copy.deepcopy, copy.copy])
async def test_copies_have_a_list_of_their_own(session, engine, made):
    cid = Writer(name="Cid")
    cid.notes.add(Note(text="k"))
    twin = made(cid)
    assert twin.notes is not cid.notes
    twin.notes.add(Note(text="l"))
    session.add(twin)
    await session.commit()
    rows = await engine.execute("SELECT text FROM wo_notes WHERE writer_id = 3 ORDER BY text")
    assert rows.column("text") == ["k", "l"]


async def test_a_stored_object_survives_a_pickle(session):
    ann = pickle.loads(pickle.dumps(await ann_of(session)))
    session.expunge_all()
    session.add(ann)
    assert await titles(session, ann) == ["B", "A"]
    assert "posts" not in ann.to_dict(include_relationships=True)


# Declarations.


def declared(annotation, **options):
    class Owner(Base):
        __tablename__ = "wo_wrong"
        __annotations__ = {"id": Mapped[int], "many": annotation}
        id = mapped_column(primary_key=True)
        many = relationship(**options)


@pytest.mark.parametrize(
    ("annotation", "options", "text"),
    [
        (WriteOnlyMapped["Post"], {"lazy": "selectin"}, "never loaded"),
        (Mapped["Post"], {"lazy": "write_only"}, "only a list is write-only"),
        (WriteOnlyMapped["Post"], {"viewonly": True}, "with_parent"),
        (WriteOnlyMapped[int], {}, "names a mapped class"),
        (WriteOnlyMapped, {}, "needs a class in brackets"),
    ],
)
def test_a_declaration_that_cannot_be_is_refused(annotation, options, text):
    with pytest.raises(Exception, match=text):
        declared(annotation, **options)


# with_parent


async def test_with_parent_is_a_condition_on_the_rows_of_a_relation(session):
    ann = await ann_of(session)
    x = await session.scalar(select(Tag).where(with_parent(ann, Writer.tags)))
    assert x.name == "x"
    writers = await session.scalars(select(Writer).where(with_parent(x, Tag.writers)))
    assert writers.all() == [ann]
    found = await session.query(Post).filter(with_parent(ann, Writer.posts)).order_by("title")
    assert [post.title for post in found] == ["A", "B"]
    post = found[0]
    assert await session.scalar(select(Writer).where(with_parent(post, Post.writer))) is ann


async def test_with_parent_reads_an_alias(session):
    ann, other = await ann_of(session), aliased(Post)
    for condition in (with_parent(ann, Writer.posts.of_type(other)), with_parent(ann, Writer.posts, other)):
        found = await session.scalars(select(other).where(condition).order_by(other.title))
        assert [post.title for post in found] == ["A", "B"]


async def test_with_parent_wants_a_stored_object_of_the_class(session):
    with pytest.raises(TypeError, match=r"Writer has no Writer\.id yet"):
        with_parent(Writer(name="Cid"), Writer.posts)
    with pytest.raises(TypeError, match=r"Writer\.posts is a relation of objects of Writer, not of Tag"):
        with_parent(Tag(name="x"), Writer.posts)
    with pytest.raises(Exception, match=r"Writer\.name"):
        with_parent(await ann_of(session), Writer.name)
