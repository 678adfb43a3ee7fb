"""All exceptions and warnings: another name of `ormkit.exc`."""

from ormkit.exc import *  # noqa: F403
from ormkit.exc import __all__ as __all__
