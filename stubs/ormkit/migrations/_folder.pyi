"""A new folder of revisions, as `alembic init` makes it: Alembic itself runs it, too."""

import os
from pathlib import Path

def init(folder: str | os.PathLike[str], url: str | None = None) -> list[Path]:
    """Make `alembic.ini` and `alembic/{env.py,script.py.mako,versions/}`; the answer is what was made."""
