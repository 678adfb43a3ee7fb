"""A new folder of revisions, as `alembic init` makes it: Alembic itself runs it, too."""

from pathlib import Path

def init(ini: Path, folder: Path, url: str | None = None, section: str = "alembic") -> list[Path]:
    """Make the ini file, and `env.py`, `script.py.mako` and `versions/` in the folder; the answer is what was made."""
