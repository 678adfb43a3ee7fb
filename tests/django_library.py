"""A library as Django maps it, on a database in memory, for tests that compare answers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import django
from django.conf import settings

# Nothing waits for a database in memory. Each task has a connection of its own to it.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "file:library?mode=memory&cache=shared"}},
    INSTALLED_APPS=[__name__],
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
)
django.setup()

from django.db import connection, models  # noqa: E402  (needs the settings)
from django.db.backends.base.base import BaseDatabaseWrapper  # noqa: E402


class Team(models.Model):
    name = models.TextField(null=True)


class Author(models.Model):
    name = models.TextField(null=True)
    born = models.IntegerField(null=True)
    team = models.ForeignKey(Team, models.CASCADE, null=True, related_name="authors")


class Tag(models.Model):
    word = models.TextField(null=True)


class Book(models.Model):
    title = models.TextField(null=True)
    year = models.IntegerField(null=True)
    author = models.ForeignKey(Author, models.CASCADE, null=True, related_name="books")
    tags = models.ManyToManyField(Tag, through="BookTag", related_name="books")


class BookTag(models.Model):
    book = models.ForeignKey(Book, models.CASCADE, related_name="+")
    tag = models.ForeignKey(Tag, models.CASCADE, related_name="+")


MODELS: dict[str, Any] = {"Team": Team, "Author": Author, "Book": Book, "Tag": Tag}

with connection.schema_editor() as editor:
    for model in (*MODELS.values(), BookTag):
        editor.create_model(model)


@contextmanager
def filled(rows: dict[str, list[dict[str, Any]]], links: list[tuple[int, int]]) -> Iterator[None]:
    """Replaces all rows; `links` are keys of books and tags. The connection of the task is closed in the end."""
    try:
        fill(rows, links)
        yield
    finally:
        BaseDatabaseWrapper.close(connection)  # that of SQLite keeps what is in memory open


def fill(rows: dict[str, list[dict[str, Any]]], links: list[tuple[int, int]]) -> None:
    BookTag.objects.all().delete()
    for model in reversed(MODELS.values()):
        model.objects.all().delete()
    for name, model in MODELS.items():
        model.objects.bulk_create([model(**row) for row in rows[name]])
    BookTag.objects.bulk_create([BookTag(book_id=book, tag_id=tag) for book, tag in links])
