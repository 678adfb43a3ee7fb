"""What `ormkit migrate` does."""

from typing import Any

class Usage(Exception):
    """The command line makes no sense."""

async def run(verb: str, given: dict[str, Any], url: str | None, json: bool) -> int:
    """Run a command by its name; the answer is the exit code."""
