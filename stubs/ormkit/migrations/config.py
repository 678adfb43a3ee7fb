"""Where revisions are and how they are written: `alembic.ini`, or `[tool.alembic]` of `pyproject.toml`."""

from __future__ import annotations

import configparser
import importlib.util
import os
import re
from pathlib import Path
from typing import Any

from ormkit.exc import MigrationError
from ormkit.migrations._problem import problem

__all__ = ["AlembicConfig"]

# What Alembic's templates have until somebody says another.
_PLACEHOLDER = "driver://"

_SEPARATORS = {"space": " ", "newline": "\n", "os": os.pathsep, ":": ":", ";": ";"}


class AlembicConfig:
    """What `alembic.ini` says. Folders that are not absolute count from the folder of that file."""

    def __init__(self, path: str | os.PathLike[str], options: dict[str, Any], section: str = "alembic") -> None:
        self.path = Path(path).absolute()
        self.section = section
        self.options = options
        self.exclude_tables: list[str] = []

    @classmethod
    def from_ini(cls, path: str | os.PathLike[str], section: str = "alembic") -> AlembicConfig:
        place = Path(path).absolute()
        parser = configparser.ConfigParser({"here": place.parent.as_posix()})
        try:
            with place.open(encoding="utf-8") as file:
                parser.read_file(file)
            if not parser.has_section(section):
                raise problem(f"{place} has no section [{section}]: -n names another", file=place)
            config = cls(place, dict(parser.items(section)), section)
            config._complete()
            if parser.has_option(f"{section}:exclude", "tables"):
                config.exclude_tables = re.split(r"[,\s]+", parser.get(f"{section}:exclude", "tables").strip(", \n"))
        except FileNotFoundError as error:
            raise problem(f"there is no file {place}: `ormkit migrate init` makes one", file=place) from error
        except (configparser.Error, UnicodeDecodeError) as error:
            raise problem(f"{place} cannot be read: {error}", file=place) from error
        return config

    @classmethod
    def from_pyproject(cls, path: str | os.PathLike[str]) -> AlembicConfig:
        place = Path(path).absolute()
        try:
            import tomllib
        except ImportError as error:
            raise MigrationError(
                f"{place}: pyproject.toml is read on Python 3.11 and newer; use alembic.ini"
            ) from error
        try:
            table = tomllib.loads(place.read_text(encoding="utf-8")).get("tool", {}).get("alembic")
        except FileNotFoundError as error:
            raise problem(f"there is no file {place}: `ormkit migrate init` makes one", file=place) from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise problem(f"{place} cannot be read: {error}", file=place) from error
        if table is None:
            raise problem(f"{place} has no table [tool.alembic]: -c names another file", file=place)
        here = {"here": place.parent.as_posix()}

        def filled(value: Any) -> Any:
            if isinstance(value, list):
                return [filled(one) for one in value]
            return value.replace("%(here)s", here["here"]).replace("%%", "%") if isinstance(value, str) else value

        config = cls(place, {name: filled(value) for name, value in table.items()})
        config.exclude_tables = list(config.options.pop("exclude_tables", []))
        return config

    def _complete(self) -> None:
        """What an ini file does not say of the folder is in the `pyproject.toml` beside it, where Alembic's template has it."""
        beside = self.path.parent / "pyproject.toml"
        if "script_location" in self.options or not _has_table(beside):
            return
        said = self.from_pyproject(beside)
        self.options = said.options | self.options
        self.exclude_tables = said.exclude_tables

    @classmethod
    def detect(cls, folder: str | os.PathLike[str] = ".") -> AlembicConfig | None:
        place = Path(folder)
        if (place / "alembic.ini").is_file():
            return cls.from_ini(place / "alembic.ini")
        pyproject = place / "pyproject.toml"
        if _has_table(pyproject):
            return cls.from_pyproject(pyproject)
        return None

    auto_detect = detect

    def _resolved(self, text: str) -> Path:
        package, colon, rest = text.partition(":")
        if colon and not os.path.isabs(text) and not re.match(r"^[A-Za-z]$", package):
            spec = importlib.util.find_spec(package)
            if spec is None or not spec.submodule_search_locations:
                raise MigrationError(f"{self.path}: the package {package!r} of {text!r} is not installed")
            return Path(next(iter(spec.submodule_search_locations)), *rest.split(":"))
        return (self.path.parent / text).absolute()

    @property
    def script_location(self) -> Path:
        location = self.options.get("script_location")
        if not location:
            raise problem(f"{self.path} says no script_location: the folder of the revisions", file=self.path)
        return self._resolved(str(location))

    @property
    def versions_dir(self) -> Path:
        return self.version_locations[0]

    @property
    def version_locations(self) -> list[Path]:
        said = self.options.get("version_locations")
        if not said:
            return [self.script_location / "versions"]
        if isinstance(said, list):
            return [self._resolved(one) for one in said]
        word = self.options.get("path_separator") or self.options.get("version_path_separator")
        if word is None:
            parts = re.split(r", *|\s+", said)
        elif word in _SEPARATORS:
            parts = said.split(_SEPARATORS[word])
        else:
            raise MigrationError(f"{self.path}: path_separator {word!r}: expected one of {', '.join(_SEPARATORS)}")
        return [self._resolved(part.strip()) for part in parts if part.strip()]

    @property
    def recursive_version_locations(self) -> bool:
        return str(self.options.get("recursive_version_locations", "false")).lower() in ("true", "1", "yes", "on")

    @property
    def sqlalchemy_url(self) -> str | None:
        url = self.options.get("sqlalchemy.url") or None
        return None if url is None or str(url).startswith(_PLACEHOLDER) else str(url)

    def get_url(self, override: str | None = None) -> str | None:
        return override if override is not None else self.sqlalchemy_url

    @property
    def version_table(self) -> str:
        return str(self.options.get("version_table") or "alembic_version")

    @property
    def version_table_schema(self) -> str | None:
        return self.options.get("version_table_schema") or None

    @property
    def version_place(self) -> str:
        """The version table, with its schema where that is said."""
        schema = self.version_table_schema
        return self.version_table if schema is None else f"{schema}.{self.version_table}"

    @property
    def include_schemas(self) -> bool:
        return str(self.options.get("include_schemas", "false")).lower() in ("true", "1", "yes", "on")

    @property
    def version_table_pk(self) -> bool:
        return str(self.options.get("version_table_pk", "true")).lower() not in ("false", "0", "no", "off")

    @property
    def file_template(self) -> str:
        return str(self.options.get("file_template") or "%(rev)s_%(slug)s")

    @property
    def truncate_slug_length(self) -> int:
        return int(self.options.get("truncate_slug_length") or 40)

    @property
    def timezone(self) -> str | None:
        return self.options.get("timezone") or None

    def __repr__(self) -> str:
        return f"AlembicConfig({str(self.path)!r})"


def _has_table(pyproject: Path) -> bool:
    return pyproject.is_file() and "[tool.alembic]" in pyproject.read_text(encoding="utf-8")


def named_file(path: str | None) -> str | None:
    return path or os.environ.get("ALEMBIC_CONFIG") or None


def configured(path: str | None = None, section: str | None = None) -> AlembicConfig | None:
    name = section or "alembic"
    if file := named_file(path):
        return AlembicConfig.from_pyproject(file) if file.endswith(".toml") else AlembicConfig.from_ini(file, name)
    return AlembicConfig.detect(".") if name == "alembic" else AlembicConfig.from_ini("alembic.ini", name)
