"""The command line: `ormkit`, `python -m ormkit`."""

import asyncio
import sys

from ormkit._ormkit import CommandLine, create_engine, parse_command_line

__all__ = ["entry", "main"]


def main(argv=None):
    """Run a command; the answer is the exit code: 0 done, 1 failed, 2 wrong usage, 3 a check found something.

    It runs a loop of its own, so there must be none around it.
    """
    command = parse_command_line(list(sys.argv[1:] if argv is None else argv))
    if isinstance(command, int):
        return command
    try:
        return asyncio.run(_run(command))
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if command.debug:
            raise
        return CommandLine.fail(error)


async def _run(command):
    if command.url is None:
        return await command.run(None)
    async with create_engine(command.url, min_connections=0) as engine:
        return await command.run(engine)


def entry():
    """What the script `ormkit` calls."""
    sys.exit(main())
