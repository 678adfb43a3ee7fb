"""The models of the tests of loading: users with posts, tags and a profile; a tree of folders; keys of two columns."""

from __future__ import annotations

from ormkit import DeclarativeBase, ForeignKey, ForeignKeyConstraint, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    __abstract__ = True


class Team(Base):
    __tablename__ = "blog_teams"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    users: Mapped[list[User]] = relationship(back_populates="team", order_by="User.id")


class User(Base):
    __tablename__ = "blog_users"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    age: Mapped[int | None]
    bio: Mapped[str | None] = mapped_column(deferred=True)
    photo: Mapped[bytes | None] = mapped_column(deferred_group="media")
    sound: Mapped[bytes | None] = mapped_column(deferred_group="media")
    team_id: Mapped[int | None] = mapped_column(ForeignKey("blog_teams.id"))
    team: Mapped[Team | None] = relationship(back_populates="users")
    profile: Mapped[Profile | None] = relationship(back_populates="user", uselist=False)
    posts: Mapped[list[Post]] = relationship(
        back_populates="author", foreign_keys="Post.author_id", order_by="Post.id", cascade="all, delete-orphan"
    )
    edited: Mapped[list[Post]] = relationship(
        back_populates="editor", foreign_keys="Post.editor_id", order_by=["-rating", "id"]
    )


class Profile(Base):
    __tablename__ = "blog_profiles"
    id: Mapped[int] = mapped_column(primary_key=True)
    motto: Mapped[str]
    user_id: Mapped[int] = mapped_column(ForeignKey("blog_users.id"), unique=True)
    user: Mapped[User] = relationship(back_populates="profile")


class Post(Base):
    __tablename__ = "blog_posts"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    body: Mapped[str] = mapped_column(default="", deferred=True)
    published: Mapped[bool] = mapped_column(default=True)
    rating: Mapped[int] = mapped_column(default=0)
    author_id: Mapped[int | None] = mapped_column(ForeignKey("blog_users.id"))
    editor_id: Mapped[int | None] = mapped_column(ForeignKey("blog_users.id"))
    author: Mapped[User | None] = relationship(back_populates="posts", foreign_keys="Post.author_id")
    editor: Mapped[User | None] = relationship(back_populates="edited", foreign_keys="Post.editor_id")
    labels: Mapped[list[PostTag]] = relationship(back_populates="post", order_by="PostTag.tag_id")


class Tag(Base):
    __tablename__ = "blog_tags"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    labels: Mapped[list[PostTag]] = relationship(back_populates="tag")


class PostTag(Base):
    """Which tags a post has: an association with a column of its own."""

    __tablename__ = "blog_post_tags"
    post_id: Mapped[int] = mapped_column(ForeignKey("blog_posts.id"), primary_key=True)
    tag_id: Mapped[int] = mapped_column(ForeignKey("blog_tags.id"), primary_key=True)
    weight: Mapped[int] = mapped_column(default=1)
    post: Mapped[Post] = relationship(back_populates="labels")
    tag: Mapped[Tag] = relationship(back_populates="labels")


class Folder(Base):
    __tablename__ = "blog_folders"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("blog_folders.id"))
    parent: Mapped[Folder | None] = relationship(back_populates="children", remote_side="Folder.id")
    children: Mapped[list[Folder]] = relationship(back_populates="parent", order_by="Folder.id")


class Place(Base):
    __tablename__ = "blog_places"
    row: Mapped[int] = mapped_column(primary_key=True)
    column: Mapped[str] = mapped_column(primary_key=True)
    items: Mapped[list[Item]] = relationship(back_populates="place", order_by="Item.id")


class Item(Base):
    __tablename__ = "blog_items"
    __table_args__ = (ForeignKeyConstraint(["row", "column"], ["blog_places.row", "blog_places.column"]),)
    id: Mapped[int] = mapped_column(primary_key=True)
    row: Mapped[int | None]
    column: Mapped[str | None]
    place: Mapped[Place | None] = relationship(back_populates="items")
