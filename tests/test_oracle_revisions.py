"""The graph of revisions against Alembic's, on random graphs: heads, bases, plans, version tables, ranges, relative steps."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from alembic.runtime.migration import HeadMaintainer, MigrationStep
from alembic.script.revision import MultipleHeads, Revision, RevisionError, RevisionMap

from ormkit import MigrationError
from ormkit._ormkit import RevisionGraph

Head = tuple[str, list[str], list[str], list[str], str, None]
SEEDS = range(60)


def random_graph(chance: random.Random) -> list[Head]:
    """Up to a dozen revisions: branches, merges, several bases, labels, dependencies."""
    heads: list[Head] = []
    ids: list[str] = []
    ancestors: dict[str, set[str]] = {}
    for index in range(chance.randint(1, 12)):
        id = f"{chance.choice('abcd') * 4}{index:02}"
        count = chance.choices([0, 1, 2], [1, 8, 2])[0] if ids else 0
        down = chance.sample(ids, min(count, len(ids)))
        # A merge of a revision with one before it is no merge.
        if len(down) == 2 and (down[0] in ancestors[down[1]] or down[1] in ancestors[down[0]]):
            down = down[:1]
        known = set(down).union(*(ancestors[one] for one in down)) if down else set()
        others = [one for one in ids if one not in known]
        depends = [chance.choice(others)] if others and chance.random() < 0.2 else []
        label = [f"label{index}"] if not down and chance.random() < 0.5 else []
        ancestors[id] = known.union(depends, *(ancestors[one] for one in depends))
        heads.append((id, down, label, depends, "", None))
        ids.append(id)
    chance.shuffle(heads)
    return heads


def alembic_map(heads: list[Head]) -> RevisionMap:
    def made() -> list[Revision]:
        return [
            Revision(id, tuple(down) or None, dependencies=tuple(depends) or None, branch_labels=tuple(labels) or None)
            for id, down, labels, depends, _, _ in heads
        ]

    return RevisionMap(made)


def outcome(call: Callable[..., Any], *arguments: Any) -> Any:
    """What a call comes to: an error is an error, whatever its words."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return call(*arguments)
    # With dependencies Alembic's moves of the version table may look for a row that is not there.
    except (RevisionError, MultipleHeads, MigrationError, AssertionError, UserWarning, KeyError):
        return "error"


class Rows(HeadMaintainer):
    """A version table in Alembic's hands."""

    def __init__(self, heads: list[str]) -> None:
        self.heads = set(heads)

    def _insert_version(self, version: str) -> None:
        assert version not in self.heads
        self.heads.add(version)

    def _delete_version(self, version: str) -> None:
        self.heads.remove(version)

    def _update_version(self, from_: str, to_: str) -> None:
        assert to_ not in self.heads
        self.heads.remove(from_)
        self.heads.add(to_)


def alembic_upgrade(map: RevisionMap, now: list[str], target: str) -> list[Revision]:
    return list(map.iterate_revisions(target, tuple(now) or None, implicit_base=True))


def alembic_downgrade(map: RevisionMap, now: list[str], target: str) -> list[Revision]:
    return list(map.iterate_revisions(tuple(now), None if target == "base" else target, select_for_downgrade=True))


def alembic_range(map: RevisionMap, lower: str, upper: str) -> list[str]:
    found = map.iterate_revisions(upper, lower, inclusive=True, assert_relative_length=False)
    return sorted(one.revision for one in found)


def alembic_heads(map: RevisionMap, heads: list[str], steps: list[Revision], up: bool) -> list[str]:
    rows = Rows(heads)
    for revision in steps:
        revision.module = type("module", (), {"upgrade": None, "downgrade": None})  # type: ignore[attr-defined]
        make = MigrationStep.upgrade_from_script if up else MigrationStep.downgrade_from_script
        rows.update_to_step(make(map, revision))  # type: ignore[arg-type]
    return sorted(rows.heads)


def our_heads(heads: list[str], plan: list[tuple[str, list[tuple[str | None, str | None]]]]) -> list[str]:
    rows = set(heads)
    for _, moves in plan:
        for gone, new in moves:
            if gone is not None:
                rows.remove(gone)
            if new is not None:
                assert new not in rows
                rows.add(new)
    return sorted(rows)


def latest(applied: set[str], needs: dict[str, set[str]]) -> list[str]:
    """What stands in a version table: those that no other needs."""
    return sorted(applied - {need for id in applied for need in needs[id]})


def targets(chance: random.Random, ids: list[str], labels: list[str]) -> list[str]:
    some = chance.sample(ids, min(3, len(ids)))
    found = ["head", "heads", "base", "+1", "+2", "-1", "-2", *some, *(one[:5] for one in some), "nowhere"]
    found += [f"{one}+1" for one in some] + [f"{one}-1" for one in some] + [f"{one}@head" for one in some]
    return found + [f"{one}@{word}" for one in labels for word in ("head", "heads", "+1", "-1", "base")]


@pytest.mark.parametrize("seed", SEEDS)
def test_graphs_and_plans_are_those_of_alembic(seed: int) -> None:
    chance = random.Random(seed)
    revisions = random_graph(chance)
    graph, map = RevisionGraph(revisions), alembic_map(revisions)
    ids = [id for id, *_ in revisions]
    assert sorted(graph.heads()) == sorted(map.heads)
    assert sorted(graph.bases()) == sorted(map.bases)
    labels = [label for _, _, labels, _, _, _ in revisions for label in labels]
    needs = {id: {*down, *depends} for id, down, _, depends, _, _ in revisions}
    compared = 0
    for start in ["base", *chance.sample(ids, min(4, len(ids)))]:
        plan = graph.upgrade([], start)
        now = our_heads([], plan)
        applied = set(graph.applied(now))
        for target in targets(chance, ids, labels):
            theirs = outcome(alembic_upgrade, map, now, target)
            ours = outcome(graph.upgrade, now, target)
            place = f"up from {now} to {target} in {revisions}"
            if theirs == "error" or ours == "error":
                assert ours == theirs or tolerated(target, ours, theirs), place
            else:
                compared += 1
                assert sorted(id for id, _ in ours) == sorted(one.revision for one in theirs), place
                there = set(applied)
                for id, _ in ours:
                    assert needs[id] <= there, place
                    there.add(id)
                assert our_heads(now, ours) == latest(there, needs), place
                rows = outcome(alembic_heads, map, now, theirs[::-1], True)
                assert rows in (our_heads(now, ours), "error"), place
            theirs = outcome(alembic_downgrade, map, now, target)
            ours = outcome(graph.downgrade, now, target)
            place = f"down from {now} to {target} in {revisions}"
            if theirs == "error" or ours == "error":
                assert ours == theirs or tolerated(target, ours, theirs), place
            else:
                compared += 1
                assert sorted(id for id, _ in ours) == sorted(one.revision for one in theirs), place
                gone: set[str] = set()
                for id, _ in ours:
                    assert not any(id in needs[other] for other in applied - gone), place
                    gone.add(id)
                assert our_heads(now, ours) == latest(applied - gone, needs), place
                rows = outcome(alembic_heads, map, now, theirs, False)
                assert rows in (our_heads(now, ours), "error"), place
    assert compared > 10


def tolerated(target: str, ours: Any, theirs: Any) -> bool:
    """Where Alembic fails on an assertion of its own or on overlapping heads of a branch, there is a plan here."""
    return theirs == "error" and ours != "error" and ("@" in target or "-" in target or "+" in target)


@pytest.mark.parametrize("seed", SEEDS)
def test_ranges_are_those_of_alembic(seed: int) -> None:
    chance = random.Random(1000 + seed)
    revisions = [(id, down, labels, [], message, file) for id, down, labels, _, message, file in random_graph(chance)]
    graph, map = RevisionGraph(revisions), alembic_map(revisions)
    ids = [id for id, *_ in revisions]
    for _ in range(10):
        lower, upper = chance.choice(["base", *ids]), chance.choice(["heads", *ids])
        theirs = outcome(alembic_range, map, lower, upper)
        ours = outcome(graph.range, f"{lower}:{upper}")
        ours = ours if ours == "error" else sorted(ours)
        assert ours == theirs, (lower, upper, revisions)


def test_what_alembic_refuses_is_refused() -> None:
    for revisions in (
        [("aaaa", ["bbbb"], [], [], "", None), ("bbbb", ["aaaa"], [], [], "", None)],
        [("aaaa", ["aaaa"], [], [], "", None)],
        [("aaaa", ["gone"], [], [], "", None)],
        [("aaaa", [], [], ["bbbb"], "", None), ("bbbb", [], [], ["aaaa"], "", None)],
        [("a-1", [], [], [], "", None)],
        [("aaaa", [], ["one"], [], "", None), ("bbbb", [], ["one"], [], "", None)],
    ):
        with pytest.raises((RevisionError, KeyError)), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            alembic_map(revisions)._revision_map  # noqa: B018 # it is made when it is read
        with pytest.raises(MigrationError):
            RevisionGraph(revisions)
