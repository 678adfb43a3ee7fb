"""The command line: `ormkit`, `python -m ormkit`."""

import asyncio
import sys
from pathlib import Path

from ormkit._ormkit import CommandLine, create_engine, parse_command_line
from ormkit.exc import MigrationError
from ormkit.migrations import AlembicConfig, MigrationRunner, ScriptFolder, _commands, _folder, _lint
from ormkit.migrations.config import configured

__all__ = ["entry", "main", "migrate_create", "migrate_down", "migrate_init", "migrate_status", "migrate_up"]


def main(argv=None):
    """Run a command; the answer is the exit code: 0 done, 1 failed, 2 wrong usage, 3 a check found something.

    It runs a loop of its own, so there must be none around it.
    """
    given = list(sys.argv[1:] if argv is None else argv)
    try:
        command = parse_command_line(given)
    except MigrationError as error:
        if "--debug" in given:
            raise
        return CommandLine.fail(error)
    if isinstance(command, int):
        return command
    try:
        return asyncio.run(_run(command))
    except KeyboardInterrupt:
        return 130
    except _commands.Usage as error:
        CommandLine.fail(error)
        return 2
    except Exception as error:
        if command.debug:
            raise
        return CommandLine.fail(error)


async def _run(command):
    if command.migrate is not None:
        verb, given = command.migrate
        return await _commands.run(verb, given, command.url, command.json)
    if command.url is not None:
        _commands.require_database(command.url)
    files, dialects = command.revisions
    if command.project is not None:
        config = configured(*command.config)
        if config is None:
            text = "lint what? There is no alembic.ini here: give SQL scripts, revision files, or --models and --url"
            raise _commands.Usage(text)
        if command.project:
            async with create_engine(command.url, min_connections=0) as engine:
                scripts, dialects = await MigrationRunner(engine, config).get_pending_migrations(), [engine.dialect]
        else:
            folder = ScriptFolder(config)
            scripts = [folder.scripts[id] for id in folder.graph.walk()]
        files = [script.path for script in scripts]
    if files or command.project is not None:
        rendered, not_seen = _lint.render(files, dialects)
        code = await command.run(None, rendered)
        for error in not_seen:
            CommandLine.fail(error)
        return code or bool(not_seen)
    if command.url is None:
        return await command.run(None)
    config = None if command.config is None else configured(*command.config)
    table = {} if config is None else {"version_table": config.version_place, "exclude": config.exclude_tables}
    async with create_engine(command.url, min_connections=0) as engine:
        return await command.run(engine, **table)


def entry():
    """What the script `ormkit` calls."""
    sys.exit(main())


def _config(folder):
    found = AlembicConfig.detect(folder)
    if found is None:
        raise MigrationError(f"there is no alembic.ini in {Path(folder).absolute()}: migrate_init() makes one")
    return found


def migrate_init(folder, url=None):
    """Make `alembic.ini` and `alembic/{env.py,script.py.mako,versions/}` in a folder. What is there already is an error."""
    place = Path(folder)
    _folder.init(place / "alembic.ini", place / "alembic", url)


def migrate_create(folder, message):
    """Make an empty revision behind the head; the answer is its file."""
    return ScriptFolder(_config(folder)).create(message).path


async def migrate_up(pool, folder, target="head"):
    """Run the revisions up to a target; the answer is the ids of those that ran."""
    return await MigrationRunner(pool, _config(folder)).upgrade(target)


async def migrate_down(pool, folder, target="-1"):
    """Undo the revisions down to a target; the answer is the ids of those that were undone."""
    return await MigrationRunner(pool, _config(folder)).downgrade(target)


async def migrate_status(pool, folder):
    """Where the database stands: `{"current_revision": id or None, "pending": ids}`."""
    runner = MigrationRunner(pool, _config(folder))
    pending = [script.revision for script in await runner.get_pending_migrations()]
    return {"current_revision": await runner.get_current_revision(), "pending": pending}
