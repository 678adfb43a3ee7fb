"""A database as Django makes it: its own applications by their migrations, and models with a field of every kind.

`python tests/adopted_django.py URL`, in a process of its own: settings are made once, and two copies of SQLite in one process on
one file lose data.
"""

from __future__ import annotations

import sys
from urllib.parse import unquote, urlsplit

import django
from django.conf import settings


def database(url: str) -> dict[str, str]:
    if url.startswith("sqlite"):
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": url.removeprefix("sqlite:///")}
    parts = urlsplit(url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path[1:],
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": str(parts.hostname),
        "PORT": str(parts.port),
    }


if __name__ == "__main__":
    sys.modules["shop"] = sys.modules["__main__"]
    settings.configure(
        DATABASES={"default": database(sys.argv[1])},
        INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "django.contrib.sessions"],
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        USE_TZ=True,
    )
    django.setup()

    from django.core.management import call_command
    from django.db import connection, models
    from django.db.models import F, Q
    from django.db.models.functions import Upper

    class Tag(models.Model):
        word = models.SlugField(primary_key=True)

        class Meta:
            app_label = "shop"

    class Customer(models.Model):
        name = models.CharField(max_length=80, unique=True)
        email = models.EmailField(db_index=True)
        nick = models.CharField(max_length=20, null=True, db_column="Nick Name", db_default="it's")
        born = models.DateField(null=True)
        wakes = models.TimeField(null=True)
        joined = models.DateTimeField()
        credit = models.DecimalField(max_digits=10, decimal_places=2)
        notes = models.TextField()
        active = models.BooleanField(db_default=True)
        silent = models.BooleanField(db_default=False)
        token = models.UUIDField(null=True)
        address = models.GenericIPAddressField(null=True)
        photo = models.BinaryField(null=True)
        wait = models.DurationField(null=True)
        score = models.FloatField(db_default=1.5)
        level = models.PositiveSmallIntegerField(db_default=3)
        small = models.SmallIntegerField(null=True)
        big = models.BigIntegerField(null=True)
        data = models.JSONField(null=True)
        friends = models.ManyToManyField("self")
        tags = models.ManyToManyField(Tag)

        class Meta:
            app_label = "shop"
            constraints = [
                models.CheckConstraint(condition=Q(score__gte=0), name="score_positive"),
                models.UniqueConstraint(fields=["name", "born"], name="one_birth", condition=Q(active=True)),
                models.UniqueConstraint(fields=["nick", "born"], name="two_births"),
            ]
            indexes = [
                models.Index(fields=["-joined", "name"], name="ix_joined"),
                models.Index(Upper("notes"), name="ix_upper"),
            ]

    class Profile(models.Model):
        customer = models.OneToOneField(Customer, models.CASCADE, primary_key=True)
        inviter = models.ForeignKey("self", models.SET_NULL, null=True)
        visits = models.PositiveIntegerField()
        twice = models.GeneratedField(expression=F("visits") * 2, output_field=models.IntegerField(), db_persist=True)

        class Meta:
            app_label = "shop"
            unique_together = [("customer", "visits")]

    call_command("migrate", verbosity=0)
    with connection.schema_editor() as editor:
        for model in (Tag, Customer, Profile):
            editor.create_model(model)
