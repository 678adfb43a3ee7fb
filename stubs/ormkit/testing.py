"""For tests: how many statements a block sends, and which line sends the same one again and again."""

from ormkit._ormkit import assert_queries, detect_n_plus_one

__all__ = ["assert_queries", "detect_n_plus_one"]
