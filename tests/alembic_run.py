"""Runs Alembic as its users do: `python tests/alembic_run.py FOLDER URL upgrade head`, on revision files in FOLDER/versions.

In a process of its own: two copies of SQLite in one process on one file lose data.
"""

from __future__ import annotations

import io
import subprocess
import sys
import warnings
from pathlib import Path

ENV = """\
from alembic import context
from sqlalchemy import create_engine

url = context.config.get_main_option("sqlalchemy.url")
if context.is_offline_mode():
    context.configure(url=url, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    with create_engine(url).connect() as connection:
        context.configure(connection=connection)
        with context.begin_transaction():
            context.run_migrations()
"""


def make_folder(folder: Path) -> Path:
    """Makes what Alembic needs beside revisions; the answer is the folder for those."""
    versions = folder / "versions"
    versions.mkdir(parents=True, exist_ok=True)
    (folder / "env.py").write_text(ENV)
    (folder / "script.py.mako").write_text("")
    return versions


def alembic(folder: Path, url: str, *command: str) -> str:
    """Runs a command in a process of its own; the answer is what it printed."""
    ran = subprocess.run(
        [sys.executable, __file__, str(folder), url, *command], capture_output=True, text=True, timeout=100
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def main(folder: str, url: str, command: str, *arguments: str) -> None:
    from alembic import command as commands
    from alembic.config import Config

    config = Config(stdout=io.StringIO())
    config.set_main_option("script_location", folder)
    config.set_main_option("sqlalchemy.url", url.replace("postgresql://", "postgresql+psycopg://").replace("%", "%%"))
    getattr(commands, command)(config, *arguments)


if __name__ == "__main__":
    warnings.simplefilter("error")
    # Of a table that another refers to: Alembic looks at it, and leaves it as it is.
    warnings.filterwarnings("ignore", message="Skipped unsupported reflection of expression-based index")
    # Alembic's own way to another primary key.
    warnings.filterwarnings("ignore", message="Table .* specifies columns .* as primary_key=True")
    main(*sys.argv[1:])
