"""Runs the Python blocks of a page of docs/ from top to bottom, as one program: `python tests/page.py PAGE URL`.

The blocks share their names and may await. They start with `url`, of an empty database, `engine`, on it, and `session`, on that engine.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
import sys
import warnings
from pathlib import Path
from types import CodeType, ModuleType

from ormkit import AsyncSession, create_engine

BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)


def blocks(page: Path) -> list[CodeType]:
    """Each block as code whose lines are numbered as they are on the page."""
    text = page.read_text()
    return [
        compile(
            "\n" * text.count("\n", 0, found.start(1)) + found[1],
            str(page),
            "exec",
            flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT,
            dont_inherit=True,
        )
        for found in BLOCK.finditer(text)
    ]


async def run(page: Path, url: str) -> None:
    # Models look their targets up in the module that declares them.
    module = sys.modules["page"] = ModuleType("page")
    async with create_engine(url) as engine, AsyncSession(engine) as session:
        module.__dict__.update(url=url, engine=engine, session=session)
        for block in blocks(page):
            if inspect.iscoroutine(waiting := eval(block, module.__dict__)):
                await waiting


if __name__ == "__main__":
    warnings.simplefilter("error")
    asyncio.run(run(Path(sys.argv[1]), sys.argv[2]))
