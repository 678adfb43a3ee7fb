"""What `env.py` says to `context.configure()`. It is not run: what would make a difference is said, never passed over."""

from __future__ import annotations

import ast
from pathlib import Path

from ormkit.migrations._problem import problem
from ormkit.migrations.config import AlembicConfig

__all__: list[str] = []

# What decides what an autogenerate finds and writes.
_COMPARING = {
    "include_object": "`tables = …` under [alembic:exclude] of the ini file names tables to be let be",
    "include_name": "`tables = …` under [alembic:exclude] of the ini file names tables to be let be",
    "process_revision_directives": "look at the file that is written",
    "render_item": "look at the file that is written",
    "compare_type": "types are compared as the database names them",
    "compare_server_default": "defaults are compared as the database understands them",
}


def _configured(config: AlembicConfig) -> tuple[Path, dict[str, ast.expr]]:
    """The file, and the arguments of its calls of `configure`, by name."""
    path = config.script_location / "env.py"
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return path, {}
    calls = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "configure"
    ]
    return path, {word.arg: word.value for call in calls for word in call.keywords if word.arg is not None}


def check_version_table(config: AlembicConfig) -> None:
    """The version table must be the one of `env.py`: in another one no revision has been run yet."""
    if not config.options.get("script_location"):
        return
    path, said = _configured(config)
    known = {"version_table": config.version_table, "version_table_schema": config.version_table_schema}
    for name, ours in known.items():
        theirs = said.get(name)
        if theirs is None or config.options.get(name):
            continue
        if isinstance(theirs, ast.Constant) and (theirs.value is None or theirs.value == ours):
            continue
        value = theirs.value if isinstance(theirs, ast.Constant) else ast.unparse(theirs)
        option = f"`{name} = {value}`" if isinstance(theirs, ast.Constant) else f"`{name}` with the value of {value}"
        text = (
            f"{path}, line {theirs.lineno}: {name}={ast.unparse(theirs)}, and {config.path.name} says nothing of it. "
            f"env.py is not run: say {option} in [{config.section}] of {config.path}, too"
        )
        raise problem(text, file=path)


def not_heeded(config: AlembicConfig) -> list[str]:
    """What `env.py` says of an autogenerate, each with what to do instead."""
    path, said = _configured(config)
    notes = []
    for name, instead in _COMPARING.items():
        value = said.get(name)
        if value is not None and not isinstance(value, ast.Constant):
            notes.append(f"{path.name} is not run, {name}={ast.unparse(value)} does nothing here: {instead}")
    return notes
