"""A new folder of revisions, as `alembic init` makes it: Alembic itself runs it, too."""

from __future__ import annotations

import os
from pathlib import Path

from ormkit.exc import MigrationError
from ormkit.migrations.script import _TEMPLATE

__all__ = ["init"]

_INI = """\
# Read by ormkit and by Alembic.
[alembic]
script_location = %(here)s/alembic
prepend_sys_path = .
# file_template = %%(rev)s_%%(slug)s
# truncate_slug_length = 40
# version_locations = %(here)s/alembic/versions

# The models that `ormkit migrate auto` and `check` compare.
# models = app.models

# The database, where neither --url nor DATABASE_URL says another.
URL
"""

_ENV = """\
\"\"\"What Alembic runs; ormkit does without.\"\"\"

from alembic import context
from sqlalchemy import create_engine

url = context.config.get_main_option("sqlalchemy.url")

# from app.models import Base
# from ormkit.alembic import metadata
# target_metadata = metadata(Base)
target_metadata = None

if context.is_offline_mode():
    context.configure(url=url, target_metadata=target_metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    with create_engine(url).connect() as connection:
        context.configure(connection=connection, target_metadata=target_metadata)
        with context.begin_transaction():
            context.run_migrations()
"""


def init(folder: str | os.PathLike[str], url: str | None = None) -> list[Path]:
    """Make `alembic.ini` and `alembic/{env.py,script.py.mako,versions/}`; the answer is what was made."""
    place = Path(folder)
    said = (
        "# sqlalchemy.url = postgresql://user@host/name"
        if url is None
        else f"sqlalchemy.url = {url.replace('%', '%%')}"
    )
    files = {
        place / "alembic.ini": _INI.replace("URL\n", f"{said}\n"),
        place / "alembic" / "env.py": _ENV,
        place / "alembic" / "script.py.mako": _TEMPLATE,
    }
    if there := [path for path in files if path.exists()]:
        raise MigrationError(f"{there[0]} is there already: nothing was made")
    (place / "alembic" / "versions").mkdir(parents=True, exist_ok=True)
    for path, text in files.items():
        path.write_text(text, encoding="utf-8")
    return [*files, place / "alembic" / "versions"]
