"""`session.load`: what objects lack, of all of them at once, and nothing else."""

import pytest
from blog import Base, Folder, Item, Place, Post, PostTag, Profile, Tag, Team, User
from counting import sent

from ormkit import AsyncSession, FieldError, InvalidRequestError, RelationNotLoadedError, load_only, selectinload


@pytest.fixture
async def db(engine):
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        red = Team(name="red")
        tags = [Tag(name="a"), Tag(name="b")]
        for name in ("Ann", "Bea", "Cid"):
            user = User(name=name, bio=f"of {name}", team=red, profile=Profile(motto=name.lower()))
            for at in range(3):
                post = Post(title=f"{name} {at}", body=str(at), rating=at, published=at > 0)
                post.labels = [PostTag(tag=tags[at % 2])]
                user.posts.append(post)
            session.add(user)
        place = Place(row=1, column="x", items=[Item(), Item()])
        session.add_all([place, Folder(name="top", children=[Folder(name="sub")])])
        await session.commit()
    return engine


async def users(session):
    return await session.query(User).order_by("id").all()


async def test_relation_of_all_objects_is_one_statement(db):
    async with AsyncSession(db) as session:
        found = await users(session)
        with sent(db) as seen:
            await session.load(found, User.posts)
        assert [[post.title for post in user.posts] for user in found] == [
            [f"{name} {at}" for at in range(3)] for name in ("Ann", "Bea", "Cid")
        ]
        assert len(seen) == 1


async def test_relations_of_a_level_are_one_flight(db):
    async with AsyncSession(db) as session:
        found = await users(session)
        with sent(db) as seen:
            await session.load(found, User.posts, User.team, "profile", "edited")
        assert [len(flight) for flight in seen.flights] == [4]
        assert [user.profile.motto for user in found] == ["ann", "bea", "cid"]
        assert {user.team.name for user in found} == {"red"}


async def test_get_asks_for_lists_together_with_the_object(db):
    async with AsyncSession(db) as session:
        with sent(db) as seen:
            ann = await session.get(User, 1, options=["posts.labels", "edited", "profile", User.team])
        assert [len(flight) for flight in seen.flights] == [4, 1, 1]
        assert (len(ann.posts), ann.edited, ann.profile.motto, ann.team.name) == (3, [], "ann", "red")
        assert [len(post.labels) for post in ann.posts] == [1, 1, 1] and ann.posts[0].author is ann
        with sent(db) as seen:
            place = await session.get(Place, (1, "x"), options=[selectinload(Place.items).limit(1)])
        assert len(place.items) == 1 and [len(flight) for flight in seen.flights] == [2]
        assert await session.get(User, 99, options=[selectinload(User.posts)]) is None


async def test_paths_of_every_kind(db):
    async with AsyncSession(db) as session:
        ann = (await users(session))[0]
        with sent(db) as seen:
            await session.load(
                ann, "posts.labels.tag", "bio", User.team, selectinload(User.edited).load_only(Post.title)
            )
        assert [label.tag.name for post in ann.posts for label in post.labels] == ["a", "b", "a"]
        assert (ann.bio, ann.team.name, ann.edited) == ("of Ann", "red", [])
        assert [len(flight) for flight in seen.flights] == [1, 3, 1, 1]


async def test_what_is_loaded_costs_nothing_and_stays(db):
    async with AsyncSession(db) as session:
        found = await users(session)
        await session.load(found[:2], User.posts, User.bio)
        kept = found[0].posts
        found[0].posts.append(Post(title="new"))
        found[1].name = "changed"
        with sent(db) as seen:
            await session.load(found[:2], "posts", "bio")
        assert len(seen) == 0 and len(session.new) == 1
        with sent(db) as seen:
            await session.load(found, User.posts)
        assert found[0].posts is kept and len(kept) == 4 and found[1].name == "changed"
        assert len([sql for sql in seen.statements if "SELECT" in sql]) == 1
        await session.rollback()


async def test_unsaved_changes_are_flushed_before_something_is_read(db):
    async with AsyncSession(db) as session:
        ann = await session.get(User, 1)
        session.add(Post(title="fresh", author_id=1))
        await session.load(ann, User.posts)
        assert [post.title for post in ann.posts][-1] == "fresh"
        await session.rollback()


async def test_deferred_column_below_a_loaded_relation(db):
    async with AsyncSession(db) as session:
        found = await users(session)
        await session.load(found, User.posts)
        with sent(db) as seen:
            await session.load(found, "posts.body")
        assert found[2].posts[1].body == "1"
        assert len(seen) == 1
        with sent(db) as seen:
            await session.load(found, "posts.body")
        assert len(seen) == 0


async def test_peers_are_loaded_along(db):
    async with AsyncSession(db) as session:
        found = await users(session)
        with sent(db) as seen:
            for user in found:
                await session.load(user, User.posts, "bio", peers=True)
        assert [len(user.posts) for user in found] == [3, 3, 3]
        assert len(seen) == 2
        with pytest.raises(TypeError, match="takes one object"):
            await session.load(found, User.posts, peers=True)


async def test_composite_keys_and_trees(db):
    async with AsyncSession(db) as session:
        place = await session.get(Place, (1, "x"))
        items = await session.query(Item).all()
        with sent(db) as seen:
            await session.load(items, Item.place)
        assert len(seen) == 0 and all(item.place is place for item in items)
        await session.load(place, "items")
        assert place.items == items
        sub = await session.query(Folder).filter(name="sub").one()
        await session.load(sub, "parent.children")
        assert sub.parent.children == [sub]


async def test_only_stored_objects_of_one_class_and_session(db):
    async with AsyncSession(db) as session, AsyncSession(db) as other:
        ann = await session.get(User, 1)
        post = await session.get(Post, 1)
        with pytest.raises(InvalidRequestError, match="objects of one class, not of User and Post"):
            await session.load([ann, post], "posts")
        with pytest.raises(InvalidRequestError, match="only a stored User of this session"):
            await other.load(ann, User.posts)
        with pytest.raises(InvalidRequestError, match="only a stored User of this session"):
            await session.load(User(name="new"), User.posts)
        with pytest.raises(FieldError, match="did you mean `posts`"):
            await session.load(ann, "post")
        with pytest.raises(FieldError, match="did you mean `labels`"):
            await session.load(ann, "posts.label")
        with pytest.raises(FieldError, match=r"Post\.labels"):
            await session.load(ann, Post.labels)
        with pytest.raises(TypeError, match="what to load"):
            await session.load(ann)
        await session.load([], User.posts)


async def test_row_that_is_gone_is_told(db):
    async with AsyncSession(db) as session:
        ann = await session.query(User).options(load_only(User.name)).filter(id=1).one()
        await db.execute("DELETE FROM blog_profiles WHERE user_id = 1")
        await db.execute("DELETE FROM blog_post_tags")
        await db.execute("DELETE FROM blog_posts WHERE author_id = 1")
        await db.execute("DELETE FROM blog_users WHERE id = 1")
        with pytest.raises(InvalidRequestError, match="the row of this User is gone"):
            await session.load(ann, User.age)
        with pytest.raises(RelationNotLoadedError):
            ann.posts  # noqa: B018


async def test_loading_is_cancelled_without_harm(db):
    async with AsyncSession(db) as session:
        found = await users(session)
        operation = session.load(found, User.posts)
        operation.close()
        assert not hasattr(found[0], "posts")
        await session.load(found, User.posts)
        assert len(found[0].posts) == 3
