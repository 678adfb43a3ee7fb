"""A new folder of revisions, as `alembic init` makes it: Alembic itself runs it, too."""

from __future__ import annotations

import os
from pathlib import Path

from ormkit.migrations._problem import problem
from ormkit.migrations.script import _TEMPLATE

__all__ = ["init"]

_INI = """\
# Read by ormkit and by Alembic.
[SECTION]
script_location = FOLDER
prepend_sys_path = .
# file_template = %%(rev)s_%%(slug)s
# truncate_slug_length = 40
# version_locations = FOLDER/versions

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


def init(ini: Path, folder: Path, url: str | None = None, section: str = "alembic") -> list[Path]:
    """Make the ini file, and `env.py`, `script.py.mako` and `versions/` in the folder; the answer is what was made."""
    place, scripts = ini.absolute().parent, Path(os.path.abspath(folder))
    location = str(scripts).replace("%", "%%")
    if scripts.is_relative_to(place):
        location = f"%(here)s/{scripts.relative_to(place).as_posix().replace('%', '%%')}"
    database = "# sqlalchemy.url = postgresql://user@host/name"
    if url is not None:
        database = f"sqlalchemy.url = {url.replace('%', '%%')}"
    files = {
        ini: _INI.replace("SECTION", section).replace("FOLDER", location).replace("URL\n", f"{database}\n"),
        folder / "env.py": _ENV,
        folder / "script.py.mako": _TEMPLATE,
    }
    if ini.exists():
        raise problem(f"{ini} is there already: nothing was made", file=ini)
    if folder.exists() and any(folder.iterdir()):
        raise problem(f"{folder} is there already, and is not empty: nothing was made", file=folder)
    (folder / "versions").mkdir(parents=True, exist_ok=True)
    ini.parent.mkdir(parents=True, exist_ok=True)
    for path, text in files.items():
        path.write_text(text, encoding="utf-8")
    return [*files, folder / "versions"]
