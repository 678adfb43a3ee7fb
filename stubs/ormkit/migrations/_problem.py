"""What is wrong with revisions, as an error that says where."""

from __future__ import annotations

from pathlib import Path

from ormkit.exc import MigrationError

__all__: list[str] = []


def problem(text: str, *, file: Path | None = None, revisions: tuple[str, ...] = ()) -> MigrationError:
    """The error: `text` says what is wrong and what to type next."""
    error = MigrationError(text)
    error.file, error.revisions = None if file is None else str(file), revisions
    return error


def mistake(path: Path, error: SyntaxError, revisions: tuple[str, ...] = ()) -> MigrationError:
    """A file that is no Python."""
    line = f": `{error.text.strip()}`" if error.text and error.text.strip() else ""
    text = f"{path}, line {error.lineno}: {error.msg}{line}: mend it, then `ormkit migrate status` says what waits"
    return problem(text, file=path, revisions=revisions)
