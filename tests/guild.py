"""Models with lists through junctions: a plain one that nobody declares, a mapped one, one of keys of two columns."""

from ormkit import DeclarativeBase, ForeignKey, ForeignKeyConstraint, Mapped, Text, mapped_column, relationship


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "guild_users"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    roles: Mapped[list["Role"]] = relationship(
        secondary="guild_user_roles", back_populates="users", order_by="Role.name"
    )
    teams: Mapped[list["Team"]] = relationship(secondary=lambda: Membership, back_populates="users")
    memberships: Mapped[list["Membership"]] = relationship(viewonly=True)


class Role(Base):
    __tablename__ = "guild_roles"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    users: Mapped[list["User"]] = relationship(secondary="guild_user_roles", back_populates="roles")


class Team(Base):
    __tablename__ = "guild_teams"
    land: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    users: Mapped[list["User"]] = relationship(secondary="guild_memberships", back_populates="teams")
    halls: Mapped[list["Hall"]] = relationship(secondary="guild_halls_of_teams")


class Membership(Base):
    __tablename__ = "guild_memberships"
    __table_args__ = (ForeignKeyConstraint(["land", "number"], ["guild_teams.land", "guild_teams.number"]),)
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("guild_users.id"))
    land: Mapped[str]
    number: Mapped[int]
    since: Mapped[str] = mapped_column(Text, server_default="always")


class Hall(Base):
    __tablename__ = "guild_halls"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
