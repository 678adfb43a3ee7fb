"""Revision files."""

from __future__ import annotations

import ast
import inspect
import os
import re
import uuid
from datetime import datetime, timezone as utc
from pathlib import Path
from typing import Any

from ormkit._ormkit import RevisionGraph, revision_file_name
from ormkit.exc import InterfaceError, MigrationError
from ormkit.migrations import _bridge, _names
from ormkit.migrations._loader import Proxy, files, load
from ormkit.migrations._problem import mistake, problem
from ormkit.migrations.config import AlembicConfig

__all__ = ["MigrationScript", "RevisionGraph", "ScriptFolder"]

_HEAD = ("revision", "down_revision", "branch_labels", "depends_on")

_TEMPLATE = '''"""${message}

Revision ID: ${up_revision}
Revises: ${down_revision | comma,n}
Create Date: ${create_date}

"""
from alembic import op
import sqlalchemy as sa
${imports if imports else ""}

# revision identifiers, used by Alembic.
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}


def upgrade():
    ${upgrades if upgrades else "pass"}


def downgrade():
    ${downgrades if downgrades else "pass"}
'''


class MigrationScript:
    """A revision: its file, or what will be one."""

    def __init__(
        self,
        revision: str,
        message: str = "",
        down_revision: str | tuple[str, ...] | None = None,
        *,
        branch_labels: Any = None,
        depends_on: Any = None,
        path: str | os.PathLike[str] | None = None,
        source: str | None = None,
    ) -> None:
        self.revision, self.message, self.down_revision = revision, message, down_revision
        self.branch_labels, self.depends_on = branch_labels, depends_on
        self.path = None if path is None else Path(path)
        self._source = source
        self._names: dict[str, Any] | None = None
        self._proxy = Proxy()

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> MigrationScript:
        place = Path(path)
        try:
            source = place.read_text(encoding="utf-8")
        except FileNotFoundError as error:
            raise problem(
                f"there is no file {place}: `ormkit migrate history` lists those that are there", file=place
            ) from error
        except UnicodeDecodeError as error:
            raise problem(
                f"{place} is not UTF-8: {error}: save it as UTF-8, then `ormkit migrate history`", file=place
            ) from error
        script = cls("", path=place, source=source)
        head = _head(place, source)
        if any(value is _COMPUTED for value in head.values()):
            names = script._loaded()
            head |= {name: names.get(name) for name in _HEAD}
        revision = head.get("revision")
        if not isinstance(revision, str):
            text = "a revision file names itself: write `revision = …`, or take the file out of the folder"
            raise problem(f"{place} says no `revision`: {text}, then `ormkit migrate history`", file=place)
        script.revision = revision
        script.down_revision, script.message = head.get("down_revision"), head["message"]
        script.branch_labels, script.depends_on = head.get("branch_labels"), head.get("depends_on")
        return script

    def render(self) -> str:
        return self._source if self._source is not None else self.render_as(_TEMPLATE)

    def render_as(self, template: str, *, created: datetime | None = None, where: str = "the template") -> str:
        names = {
            "message": _quoted(self.message) or "empty message", "up_revision": self.revision,
            "down_revision": self.down_revision, "branch_labels": self.branch_labels, "depends_on": self.depends_on,
            "create_date": (created or datetime.now()).isoformat(sep=" "), "imports": "", "upgrades": "", "downgrades": "",
            "config": None,
        }  # fmt: skip
        if re.search(r"^\s*%(?!%)|<%", template, re.MULTILINE):
            text = (
                f"{where} has more of Mako in it than `${{…}}`, which is all that is filled in here: move it away, and a file is \
made as without it. For several databases, as in Alembic's template `multidb`, each wants a folder and a section of its own, \
`ormkit -n NAME migrate init FOLDER -c FILE`"
            )
            raise MigrationError(text)
        return re.sub(r"\$\{(.*?)\}", lambda found: _filled(found[1], names, where), template)

    def upgrade(self, op: Any) -> None:
        self._call(True, op)

    def downgrade(self, op: Any) -> None:
        self._call(False, op)

    def foreign_names(self, *, up: bool = True) -> list[str]:
        return self._foreign_names(up, None)

    def _foreign_names(self, up: bool, dialect: str | None) -> list[str]:
        if self._source is None:
            return []
        try:
            return _names.foreign_names(self._source, _function(up), dialect)
        except SyntaxError as error:
            raise mistake(self._place(), error, (self.revision,)) from error

    def _mistyped(self, up: bool, dialect: str) -> list[tuple[int, str]]:
        """Keywords that no function of `op` takes, with their lines. What is Alembic's to run is Alembic's to judge."""
        if self._source is None or self._foreign_names(up, dialect):
            return []
        return _names.mistyped(self._source, _function(up), dialect)

    def _needs_alembic(self, up: bool, dialect: str) -> list[str]:
        """The names for which this direction needs Alembic and SQLAlchemy; an empty list where it does without.

        Raises:
            MigrationError: The file cannot be run.
        """
        if names := self._foreign_names(up, dialect):
            return names
        try:
            self._loaded()
        except MigrationError as error:
            if isinstance(missing := error.__cause__, ModuleNotFoundError) and missing.name:
                return [missing.name]
            raise
        theirs = _names.made_of_sqlalchemy(self.render())
        return theirs if theirs and _bridge.installed() else []

    def _call(self, up: bool, op: Any) -> None:
        function = self._function(self._loaded(), up)
        before, self._proxy.op = self._proxy.op, op
        try:
            function()
        finally:
            self._proxy.op = before

    def _for_alembic(self, up: bool) -> Any:
        """The function, in a file that sees the installed Alembic and SQLAlchemy."""
        return self._function(load(self._place(), self.render(), None, (self.revision,)), up)

    def _place(self) -> Path:
        return self.path or Path(f"{self.revision}.py")

    def _function(self, names: dict[str, Any], up: bool) -> Any:
        if not callable(names.get(_function(up))):
            text = f"{self.path or self.revision} has no function {_function(up)}(): write one, with `pass` if there is nothing to do"
            raise problem(text, file=self.path, revisions=(self.revision,))
        function = names[_function(up)]
        signature = inspect.signature(function)
        try:
            signature.bind()
        except TypeError as error:
            # Those of the template for several databases take the name of one.
            text = (
                f"{self.path or self.revision}: {_function(up)}({', '.join(signature.parameters)}) is called without arguments. "
                f"Where each database has functions of its own, each wants a folder of its own: `ormkit migrate -n NAME` "
                f"takes another section of the ini file"
            )
            raise problem(text, file=self.path, revisions=(self.revision,)) from error
        return function

    def _loaded(self) -> dict[str, Any]:
        if self._names is None:
            self._names = load(self._place(), self.render(), self._proxy, (self.revision,))
        return self._names

    def __repr__(self) -> str:
        return f"<MigrationScript {self.revision}: {self.message}>"


def _function(up: bool) -> str:
    return "upgrade" if up else "downgrade"


_COMPUTED: Any = object()

# What Alembic and we understand by these is no revision of that name.
_WORDS = {"head", "heads", "base", "current"}


def _head(path: Path, source: str) -> dict[str, Any]:
    """What stands above the functions of a file, without running it."""
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        found = _lines(source)
        if "revision" not in found:
            raise mistake(path, error) from error
        return found
    found = {"message": (ast.get_docstring(tree) or "").partition("\n")[0]}
    for node in tree.body:
        if isinstance(node, ast.Assign):
            targets, value = node.targets, node.value
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            targets, value = [node.target], node.value
        else:
            continue
        for target in targets:
            if isinstance(target, ast.Tuple):
                names = [one.id for one in target.elts if isinstance(one, ast.Name)]
                found |= {name: _COMPUTED for name in names if name in _HEAD}
            elif isinstance(target, ast.Name) and target.id in _HEAD:
                try:
                    found[target.id] = ast.literal_eval(value)
                except ValueError:
                    found[target.id] = _COMPUTED
    return found


def _lines(source: str) -> dict[str, Any]:
    """The same from a file with a mistake in it: it has its place in the graph, though it cannot run."""
    found: dict[str, Any] = {"message": ""}
    if words := re.match(r"\s*[rR]?(?:\"\"\"|''')(.*)", source):
        found["message"] = words[1].strip().rstrip("\"'")
    for line in source.splitlines():
        if (said := re.match(r"(\w+)(?:\s*:[^=]+)?\s*=\s*(.+)$", line)) and said[1] in _HEAD:
            try:
                found[said[1]] = ast.literal_eval(said[2])
            except (ValueError, SyntaxError):
                found[said[1]] = _COMPUTED
    return found


def _quoted(message: str) -> str:
    """A message as it stands in the docstring of a file."""
    text = message.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    return f'{text[:-1]}\\"' if text.endswith('"') and not text.endswith('\\"') else text


def _filled(words: str, names: dict[str, Any], where: str) -> str:
    code, *filters = re.split(r"\s*\|\s*(?=[\w, ]+$)", words.strip(), maxsplit=1)
    try:
        value = eval(code, {"__builtins__": {"repr": repr, "str": str, "len": len}}, names)
    except Exception as error:
        raise MigrationError(f"{where}: ${{{words}}}: {error}") from error
    if filters and "comma" in filters[0]:
        return ", ".join(several(value))
    return str(value)


def several(value: Any) -> list[str]:
    """None, one or several ids as a list."""
    if value is None:
        return []
    return [value] if isinstance(value, str) else [str(one) for one in value]


class ScriptFolder:
    def __init__(self, config: AlembicConfig) -> None:
        self.config = config
        self._scripts: dict[str, MigrationScript] | None = None
        self._graph: RevisionGraph | None = None

    @property
    def scripts(self) -> dict[str, MigrationScript]:
        if self._scripts is None:
            folders = self.config.version_locations
            for folder in folders:
                if not folder.is_dir():
                    text = f"there is no folder {folder}: `mkdir -p {folder}` makes it, script_location of {self.config.path} names another"
                    raise problem(text, file=folder)
            paths = files(folders, deep=self.config.recursive_version_locations)
            loaded = [MigrationScript.load(path) for path in paths]
            self._graph = graph_of(loaded)
            self._scripts = {script.revision: script for script in loaded}
        return self._scripts

    @property
    def graph(self) -> RevisionGraph:
        if self._graph is None:
            self._graph = graph_of(list(self.scripts.values()))
        return self._graph

    def create(
        self,
        message: str,
        *,
        head: str | list[str] = "head",
        revision: str | None = None,
        splice: bool = False,
        branch_label: str | None = None,
        depends_on: Any = None,
        version_path: str | os.PathLike[str] | None = None,
        source: str | None = None,
    ) -> MigrationScript:
        ids: list[str] = []
        for one in several(head):
            ids += [id for id in self.graph.find(one) if id not in ids]
        taken = [id for id in ids if id not in self.graph.heads()]
        if taken and not splice:
            raise MigrationError(
                f"`{taken[0]}` is no head: a revision that follows it begins a branch, say so by --splice"
            )
        new = revision or uuid.uuid4().hex[-12:]
        if new in self.scripts:
            raise MigrationError(f"there is a revision `{new}` already, in {self.scripts[new].path}")
        if new in _WORDS or "/" in new or "\\" in new:
            raise MigrationError(
                f"a revision cannot be called `{new}`: it means another, or another folder; choose another id"
            )
        if branch_label is not None and re.search(r"[@:\s]|^$", branch_label):
            raise MigrationError(
                f"a branch cannot be called `{branch_label}`: `@`, `:` and spaces stand around its name"
            )
        folder = self._place(version_path)
        down: Any = None if not ids else ids[0] if len(ids) == 1 else tuple(ids)
        labels = None if branch_label is None else (branch_label,)
        depends = None if depends_on is None else depends_on if isinstance(depends_on, str) else tuple(depends_on)
        script = MigrationScript(new, message, down, branch_labels=labels, depends_on=depends)
        # What does not fit is said before there is a file of it, which nothing could be done beside.
        graph_of([*self.scripts.values(), script])
        now = self._now()
        template = self.config.script_location / "script.py.mako"
        if source is None and template.is_file():
            source = script.render_as(template.read_text(encoding="utf-8"), created=now, where=str(template))
        elif source is None:
            source = script.render_as(_TEMPLATE, created=now)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self._name(new, message, now)}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(source)
        self._scripts = self._graph = None
        return MigrationScript.load(path)

    def _place(self, version_path: str | os.PathLike[str] | None) -> Path:
        """The folder of a new file: one of those in which files are looked for."""
        if version_path is None:
            return self.config.versions_dir
        folder, known = Path(version_path), self.config.version_locations
        if any(folder.resolve() == one.resolve() for one in known):
            return folder
        if self.config.recursive_version_locations and any(one.resolve() in folder.resolve().parents for one in known):
            return folder
        text = f"{folder} is none of the folders of revisions, {', '.join(map(str, known))}: version_locations of {self.config.path} \
names them"
        raise problem(text, file=self.config.path)

    def _now(self) -> datetime:
        zone = self.config.timezone
        if zone is None:
            return datetime.now()
        from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

        try:
            return datetime.now(utc.utc).astimezone(ZoneInfo(zone))
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise MigrationError(f"{self.config.path}: there is no timezone {zone!r}") from error

    def _name(self, revision: str, message: str, now: datetime) -> str:
        date = (now.year, now.month, now.day, now.hour, now.minute, now.second)
        template, longest = self.config.file_template, self.config.truncate_slug_length
        try:
            return revision_file_name(template, revision, message, longest, date, int(now.timestamp()))
        except InterfaceError as error:
            raise problem(f"{self.config.path}: {error}", file=self.config.path) from error


def graph_of(scripts: list[MigrationScript]) -> RevisionGraph:
    """The graph of scripts, checked."""
    return RevisionGraph(
        [
            (
                script.revision,
                several(script.down_revision),
                several(script.branch_labels),
                several(script.depends_on),
                script.message,
                None if script.path is None else str(script.path),
            )
            for script in scripts
        ]
    )
