"""Revision files as people write them, for Alembic and for us: what is most frequent in public projects."""

from __future__ import annotations

import textwrap
from pathlib import Path

HEAD = "from alembic import op\nimport sqlalchemy as sa\n"

# Each is its id, what is above the functions, and the two bodies.
CHAIN: list[tuple[str, str, str, str]] = [
    (
        "a01_tables",
        "from sqlalchemy.dialects import postgresql",
        """
        op.create_table(
            "users",
            sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
            sa.Column("name", sa.String(length=50), nullable=False),
            sa.Column("email", sa.VARCHAR(120), nullable=True),
            sa.Column("bio", sa.Text(), nullable=True),
            sa.Column("active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
            sa.Column("admin", sa.Boolean(), server_default=sa.false(), nullable=False),
            sa.Column("score", sa.Float(), server_default="0.5", nullable=True),
            sa.Column("price", sa.Numeric(precision=10, scale=2), nullable=True),
            sa.Column("big", sa.BigInteger(), nullable=True),
            sa.Column("small", sa.SmallInteger(), nullable=True),
            sa.Column("born", sa.Date(), nullable=True),
            sa.Column("wakes", sa.Time(), nullable=True),
            sa.Column("made", sa.DateTime(), server_default=sa.func.now(), nullable=False),
            sa.Column("seen", sa.DateTime(timezone=True), nullable=True),
            sa.Column("at", sa.TIMESTAMP(timezone=True), server_default=sa.text("CURRENT_TIMESTAMP"), nullable=True),
            sa.Column("photo", sa.LargeBinary(), nullable=True),
            sa.Column("token", sa.Uuid(), nullable=True),
            sa.Column("extra", sa.JSON(), nullable=True),
            sa.Column("label", sa.Unicode(10), server_default="it's", nullable=True),
            sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
            sa.UniqueConstraint("email", name=op.f("uq_users_email")),
        )
        """,
        'op.drop_table("users")',
    ),
    (
        "a02_foreign",
        "",
        """
        op.create_table(
            "posts",
            sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),
            sa.Column("user_id", sa.Integer, sa.ForeignKey("users.id", ondelete="CASCADE", name="fk_posts_user"), index=True),
            sa.Column("title", sa.UnicodeText, nullable=False, unique=False),
            sa.CheckConstraint("length(title) > 0", name="ck_title"),
        )
        op.create_index(op.f("ix_posts_title"), "posts", ["title"], unique=False)
        """,
        """
        op.drop_index(op.f("ix_posts_title"), table_name="posts")
        op.drop_table("posts")
        """,
    ),
    (
        "a03_columns",
        "",
        """
        op.add_column("posts", sa.Column("views", sa.Integer(), nullable=False, server_default="0"))
        op.add_column("posts", sa.Column("subtitle", sa.String(), nullable=True))
        """,
        """
        op.drop_column("posts", "subtitle")
        op.drop_column("posts", "views")
        """,
    ),
    (
        "a04_batch",
        "",
        """
        with op.batch_alter_table("users", schema=None) as batch_op:
            batch_op.add_column(sa.Column("nick", sa.String(length=20), nullable=True))
            batch_op.alter_column("bio", existing_type=sa.Text(), nullable=False, server_default="")
            batch_op.drop_column("big")
            batch_op.create_index(batch_op.f("ix_users_nick"), ["nick"], unique=True)
        """,
        """
        with op.batch_alter_table("users", schema=None) as batch_op:
            batch_op.drop_index(batch_op.f("ix_users_nick"))
            batch_op.add_column(sa.Column("big", sa.BIGINT(), nullable=True))
            batch_op.alter_column("bio", existing_type=sa.Text(), nullable=True, server_default=None)
            batch_op.drop_column("nick")
        """,
    ),
    (
        "a05_indexes",
        "",
        """
        op.create_index("ix_active", "users", ["name", sa.text("made DESC")], postgresql_where=sa.text("active"),
                        sqlite_where=sa.text("active"))
        # Alembic's batches on SQLite lose an index of an expression.
        if op.get_bind().dialect.name == "postgresql":
            op.create_index("ix_lower", "users", [sa.text("lower(name)")], unique=True)
        op.create_index("ix_hash", "posts", ["subtitle"], postgresql_using="hash")
        """,
        """
        op.drop_index("ix_hash", "posts", postgresql_using="hash")
        op.drop_index("ix_lower", table_name="users", if_exists=True)
        op.drop_index("ix_active", table_name="users")
        """,
    ),
    (
        "a06_enums",
        "from sqlalchemy.dialects import postgresql\nmood = postgresql.ENUM('sad', 'ok', name='mood', create_type=False)",
        """
        if op.get_bind().dialect.name == "postgresql":
            mood.create(op.get_bind(), checkfirst=True)
            op.add_column("users", sa.Column("mood", mood, nullable=True))
        op.create_table(
            "tickets",
            sa.Column("id", sa.Integer(), nullable=False),
            sa.Column("state", sa.Enum("open", "closed", name="state"), nullable=False, server_default="open"),
            sa.PrimaryKeyConstraint("id"),
        )
        """,
        """
        op.drop_table("tickets")
        if op.get_context().dialect.name == "postgresql":
            op.execute("DROP TYPE state")
            op.drop_column("users", "mood")
            mood.drop(op.get_bind(), checkfirst=True)
        """,
    ),
    (
        "a07_data",
        "",
        """
        connection = op.get_bind()
        connection.execute(sa.text("INSERT INTO users (name, bio) VALUES (:name, '')"), {"name": "ada"})
        op.execute(sa.text("INSERT INTO users (name, bio) VALUES ('bob', '')"))
        for row in connection.execute(sa.text("SELECT id, name FROM users ORDER BY id")).fetchall():
            connection.execute(
                sa.text("UPDATE users SET nick = :nick WHERE id = :id"), {"nick": row.name.upper(), "id": row[0]}
            )
        assert connection.execute(sa.text("SELECT count(*) FROM users")).scalar() == 2
        """,
        'op.execute("DELETE FROM users")',
    ),
    (
        "a08_types",
        "",
        """
        with op.batch_alter_table("posts") as batch_op:
            batch_op.alter_column("views", existing_type=sa.Integer(), type_=sa.BigInteger(), existing_nullable=False)
            batch_op.alter_column("subtitle", existing_type=sa.String(), type_=sa.Integer(),
                                  postgresql_using="subtitle::integer")
        """,
        """
        with op.batch_alter_table("posts") as batch_op:
            batch_op.alter_column("subtitle", existing_type=sa.Integer(), type_=sa.String())
            batch_op.alter_column("views", existing_type=sa.BigInteger(), type_=sa.Integer(), existing_nullable=False)
        """,
    ),
    (
        "a09_names",
        "",
        """
        op.rename_table("tickets", "issues")
        with op.batch_alter_table("users") as batch_op:
            batch_op.alter_column("score", new_column_name="points", existing_type=sa.Float())
        """,
        """
        with op.batch_alter_table("users") as batch_op:
            batch_op.alter_column("points", new_column_name="score", existing_type=sa.Float())
        op.rename_table("issues", "tickets")
        """,
    ),
    (
        "a10_constraints",
        "",
        """
        with op.batch_alter_table("users") as batch_op:
            batch_op.create_check_constraint("ck_points", "points >= 0")
            batch_op.create_unique_constraint("uq_name", ["name", "nick"])
            batch_op.drop_constraint("uq_users_email", type_="unique")
        """,
        """
        with op.batch_alter_table("users") as batch_op:
            batch_op.create_unique_constraint("uq_users_email", ["email"])
            batch_op.drop_constraint("uq_name", type_="unique")
            batch_op.drop_constraint("ck_points", type_="check")
        """,
    ),
    (
        "a11_bulk",
        "",
        """
        kinds = op.create_table("kinds", sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.String(10)))
        op.bulk_insert(kinds, [{"id": 1, "name": "it's"}, {"id": 2, "name": None}])
        op.bulk_insert(sa.table("kinds", sa.column("name", sa.String)), [{"name": "c"}] if False else [])
        """,
        'op.drop_table("kinds")',
    ),
    (
        "a12_keys",
        "",
        """
        op.create_table(
            "members",
            sa.Column("user_id", sa.Integer(), nullable=False),
            sa.Column("kind_id", sa.Integer(), nullable=False),
            sa.ForeignKeyConstraint(["kind_id"], ["kinds.id"], name="fk_kind", onupdate="CASCADE", ondelete="SET NULL"),
            sa.PrimaryKeyConstraint("user_id", "kind_id", name="pk_members"),
        )
        with op.batch_alter_table("members") as batch_op:
            batch_op.create_foreign_key("fk_user", "users", ["user_id"], ["id"], ondelete="CASCADE")
        """,
        """
        with op.batch_alter_table("members") as batch_op:
            batch_op.drop_constraint("fk_user", type_="foreignkey")
        op.drop_table("members")
        """,
    ),
    (
        "a13_outside",
        "",
        """
        if op.get_bind().dialect.name == "postgresql":
            with op.get_context().autocommit_block():
                op.create_index("ix_born", "users", ["born"], postgresql_concurrently=True, if_not_exists=True)
                op.execute("ALTER TYPE mood ADD VALUE IF NOT EXISTS 'good'")
        """,
        """
        if op.get_bind().dialect.name == "postgresql":
            with op.get_context().autocommit_block():
                op.drop_index("ix_born", table_name="users", postgresql_concurrently=True)
        """,
    ),
    (
        "a14_comments",
        "",
        """
        if op.get_bind().dialect.name == "postgresql":
            op.create_table_comment("users", "who they are", existing_comment=None)
            op.alter_column("users", "name", existing_type=sa.String(50), comment="it's a name", existing_nullable=False)
            op.create_table("notes", sa.Column("id", sa.Integer, primary_key=True, comment="number"), comment="notes")
        """,
        """
        if op.get_bind().dialect.name == "postgresql":
            op.drop_table("notes")
            op.alter_column("users", "name", existing_type=sa.String(50), comment=None, existing_nullable=False)
            op.drop_table_comment("users", existing_comment="who they are")
        """,
    ),
    (
        "a15_native",
        "from sqlalchemy.dialects import postgresql",
        """
        if op.get_bind().dialect.name == "postgresql":
            op.create_table(
                "natives",
                sa.Column("id", postgresql.UUID(as_uuid=True), server_default=sa.text("gen_random_uuid()"), nullable=False),
                sa.Column("doc", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=True),
                sa.Column("tags", postgresql.ARRAY(sa.String(length=20)), nullable=True),
                sa.Column("numbers", sa.ARRAY(sa.Integer()), server_default="{}", nullable=True),
                sa.Column("at", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=True),
                sa.Column("words", postgresql.TSVECTOR(), nullable=True),
                sa.Column("ip", postgresql.INET(), nullable=True),
                sa.Column("span", postgresql.TSTZRANGE(), nullable=True),
                sa.Column("wide", sa.Double(), nullable=True),
                sa.Column("length", sa.Interval(), nullable=True),
                sa.Column("number", sa.Integer(), sa.Identity(always=True, start=10), nullable=False),
                sa.Column("twice", sa.Integer(), sa.Computed("number * 2", persisted=True), nullable=True),
                sa.PrimaryKeyConstraint("id"),
                sa.UniqueConstraint("number", deferrable=True, initially="DEFERRED", name="uq_number"),
            )
            op.create_index("ix_doc", "natives", ["doc"], postgresql_using="gin", postgresql_ops={"doc": "jsonb_path_ops"})
            op.create_index("ix_fill", "natives", ["wide"], postgresql_with={"fillfactor": 70}, postgresql_include=["ip"])
            op.create_exclude_constraint("ex_span", "natives", (sa.column("span"), "&&"), using="gist")
        """,
        """
        if op.get_bind().dialect.name == "postgresql":
            op.drop_table("natives")
        """,
    ),
    (
        "a16_plain_alter",
        "",
        """
        if op.get_bind().dialect.name == "postgresql":
            op.alter_column("users", "email", existing_type=sa.VARCHAR(120), type_=sa.Text(), nullable=True)
            op.alter_column("posts", "title", nullable=True, existing_type=sa.UnicodeText())
            op.create_unique_constraint("uq_title", "posts", ["title"])
            op.drop_constraint("ck_title", "posts", type_="check")
            op.create_check_constraint("ck_title2", "posts", sa.column("title") if False else sa.text("title <> 'x'"))
            op.create_foreign_key(None, "posts", "kinds", ["subtitle"], ["id"])
        """,
        """
        if op.get_bind().dialect.name == "postgresql":
            op.drop_constraint("posts_subtitle_fkey", "posts", type_="foreignkey")
            op.drop_constraint("ck_title2", "posts")
            op.create_check_constraint("ck_title", "posts", "length(title) > 0")
            op.drop_constraint("uq_title", "posts", type_="unique")
            op.execute("DELETE FROM posts WHERE title IS NULL")
            op.alter_column("posts", "title", nullable=False, existing_type=sa.UnicodeText())
            op.alter_column("users", "email", existing_type=sa.Text(), type_=sa.VARCHAR(120), nullable=True)
        """,
    ),
    (
        "a17_schema",
        "",
        """
        if op.get_bind().dialect.name == "postgresql":
            op.execute("CREATE SCHEMA side")
            op.create_table("things", sa.Column("id", sa.Integer, sa.ForeignKey("kinds.id"), primary_key=True), schema="side")
            op.create_index("ix_things", "things", ["id"], schema="side")
            op.add_column("things", sa.Column("flag", sa.Boolean, server_default=sa.true()), schema="side")
        """,
        """
        if op.get_bind().dialect.name == "postgresql":
            op.drop_column("things", "flag", schema="side")
            op.drop_index("ix_things", "things", schema="side")
            op.drop_table("things", schema="side")
            op.execute("DROP SCHEMA side")
        """,
    ),
    (
        "a18_script",
        "",
        """
        op.execute('''
            CREATE VIEW names AS SELECT name FROM users;
            CREATE VIEW titles AS SELECT title FROM posts;
        ''' if op.get_bind().dialect.name == "postgresql" else "CREATE VIEW names AS SELECT name FROM users")
        """,
        """
        op.execute("DROP VIEW names")
        if op.get_bind().dialect.name == "postgresql":
            op.execute("DROP VIEW titles")
        """,
    ),
    (
        "a19_sequences",
        """
        from sqlalchemy.schema import CreateSequence, DropSequence

        numbers = sa.Sequence("Some numbers", start=100, increment=-5, minvalue=1, maxvalue=100, cycle=True, cache=3)
        """,
        """
        if op.get_bind().dialect.name == "postgresql":
            op.execute(sa.schema.CreateSchema("side", if_not_exists=True))
            op.execute(CreateSequence(numbers))
            op.execute(CreateSequence(sa.Sequence("plain", schema="side", data_type=sa.SmallInteger), if_not_exists=True))
            sa.Sequence("made").create(op.get_bind())
            op.create_table(
                "numbered",
                sa.Column("id", sa.Integer, numbers, server_default=numbers.next_value(), primary_key=True),
                sa.Column("other", sa.Integer, sa.Sequence("plain", schema="side"), nullable=False),
            )
            op.create_table("unnumbered", sa.Column("id", sa.Integer, sa.Sequence("made"), primary_key=True))
            op.create_table("serial", sa.Column("id", sa.Integer, sa.Sequence("x", optional=True), primary_key=True))
            op.alter_column("numbered", "other", server_default=sa.Sequence("plain", schema="side").next_value())
        """,
        """
        if op.get_bind().dialect.name == "postgresql":
            for name in ("numbered", "unnumbered", "serial"):
                op.drop_table(name)
            op.execute(DropSequence(numbers))
            op.execute(sa.schema.DropSequence(sa.Sequence("plain", schema="side"), if_exists=True))
            sa.Sequence("made").drop(op.get_bind())
        """,
    ),
]


def write(folder: Path) -> Path:
    """Writes the chain, and behind it a branch that is merged again; the folder of the files."""
    folder.mkdir(parents=True, exist_ok=True)
    before: str | None = None
    for id, above, up, down in CHAIN:
        (folder / f"{id}.py").write_text(source(id, before, up, down, textwrap.dedent(above)))
        before = id
    table = 'op.create_table("{0}", sa.Column("id", sa.Integer, primary_key=True))'
    for side in ("b01_left", "b02_right"):
        text = source(side, before, table.format(side), f'op.drop_table("{side}")')
        (folder / f"{side}.py").write_text(text)
    merge = '''"""a merge

Revision ID: c01_merge
"""
from typing import Sequence, Union

from alembic import op
import sqlalchemy as sa

revision: str = "c01_merge"
down_revision: Union[str, Sequence[str], None] = ("b01_left", "b02_right")
branch_labels: Union[str, Sequence[str], None] = None
depends_on: Union[str, Sequence[str], None] = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
'''
    (folder / "c01_merge.py").write_text(merge)
    return folder


def source(id: str, before: object, up: str, down: str = "pass", above: str = "") -> str:
    """The text of a revision file."""
    bodies = (textwrap.indent(textwrap.dedent(body).strip(), "    ") for body in (up, down))
    head = f"revision = {id!r}\ndown_revision = {before!r}\nbranch_labels = None\ndepends_on = None\n"
    functions = "\n\ndef upgrade():\n{}\n\n\ndef downgrade():\n{}\n".format(*bodies)
    return f'"""{id} in words\n\nRevision ID: {id}\n"""\n{HEAD}{above}\n\n{head}{functions}'
