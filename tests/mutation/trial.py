"""The plugin that takes pytest's place when the tests were collected: it learns, then tries mutant after mutant."""

from __future__ import annotations

import gc
import importlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from mutation import forks
from mutation.learning import Learnt, in_turn, learn, learnt
from mutation.mutants import Mutant
from mutation.swapping import Functions, NotLive, live, swap


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a mutant: killed, timed out or survived; `by` is the test that noticed."""

    mutant: Mutant
    outcome: str
    by: str = ""


@dataclass(eq=False)
class Trial:
    """Tries mutants against the collected tests."""

    todo: Sequence[Mutant]
    at_once: int
    folder: Path
    verdicts: list[Verdict] = field(default_factory=list[Verdict])
    own_failures: list[str] = field(default_factory=list[str])
    _failed: set[str] = field(default_factory=set[str])
    _files: Mapping[str, str] = field(default_factory=dict[str, str])
    _recent: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> pytest.TestReport | None:
        """Note a failure, without the costly text of what failed."""
        raised = call.excinfo
        if raised is None or call.when == "collect" or isinstance(raised.value, pytest.skip.Exception):
            return None
        self._failed.add(item.nodeid)
        words = f"{raised.typename}: {raised.value}"[:500]
        return pytest.TestReport(item.nodeid, item.location, {}, "failed", words, call.when)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Learn what each test runs, then try every mutant in a copy of this process."""
        if session.testsfailed:
            self.own_failures.append("the tests cannot be collected")
            return True
        self._files = {one.source.path: str(importlib.import_module(one.source.module).__file__) for one in self.todo}
        functions = live()
        gc.collect()
        gc.freeze()
        known = self._learn(session.items)
        self.own_failures += [f"fails without a mutant: {one.node}" for one in known if one.failed]
        if not self.own_failures:
            self._try(session.items, known, functions)
        return True

    def _learn(self, items: Sequence[pytest.Item]) -> list[Learnt]:
        files = frozenset(self._files.values())
        # Modules stay together: their fixtures are made once.
        modules = sorted({item.nodeid.partition("::")[0] for item in items})
        shares = [modules[start :: self.at_once] for start in range(self.at_once)]

        def job(number: int, share: Sequence[str]) -> forks.Job:
            mine = [item for item in items if item.nodeid.partition("::")[0] in share]
            into = self.folder / f"learnt-{number}"

            def work(_folder: Path) -> int:
                learn(mine, files, self._failed, into)
                return forks.SURVIVED

            return forks.Job(f"learn {number}", work, 600.0, may_hang=False)

        ends = list(forks.run((job(n, s) for n, s in enumerate(shares) if s), self.folder, self.at_once))
        self.own_failures += [f"{end.name}: {end.words or end.code}" for end in ends if end.code != forks.SURVIVED]
        return [one for path in sorted(self.folder.glob("learnt-*")) for one in learnt(path)]

    def _try(self, items: Sequence[pytest.Item], known: Sequence[Learnt], functions: Functions) -> None:
        by_node = {item.nodeid: item for item in items}
        by_name = {mutant.name: mutant for mutant in self.todo}

        def jobs() -> Iterator[forks.Job]:
            for mutant in self.todo:
                chosen = self._chosen(mutant, known)
                tests = [by_node[one.node] for one in chosen]
                seconds = 2 + 3 * sum(one.seconds for one in chosen)
                yield forks.Job(mutant.name, partial(self._one, mutant, tests, functions), seconds)

        for end in forks.run(jobs(), self.folder, self.at_once):
            mutant = by_name[end.name]
            if end.code in (forks.NOT_LIVE, forks.BROKEN):
                self.own_failures.append(f"cannot be tried: {end.name} {end.words}")
            if end.code == forks.KILLED and end.words:
                self._recent.setdefault(mutant.function, []).append(end.words)
            self.verdicts.append(Verdict(mutant, _outcome(end), end.words))

    def _chosen(self, mutant: Mutant, known: Sequence[Learnt]) -> list[Learnt]:
        """The tests that come by, the ones that noticed other mutants of the same function first, then the quick."""
        file, tests = self._files[mutant.source.path], mutant.source.tests
        mine = [one for one in known if one.node.partition("::")[0] in tests and one.runs(file, mutant.lines)]
        noticed = self._recent.get(mutant.function, [])
        return sorted(mine, key=lambda one: (-noticed.count(one.node), one.seconds))

    def _one(self, mutant: Mutant, tests: Sequence[pytest.Item], functions: Functions, folder: Path) -> int:
        try:
            swap(mutant, functions)
        except NotLive:
            return forks.NOT_LIVE
        for item, following in in_turn(tests):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if self._failed:
                (folder / "words").write_text(item.nodeid)
                return forks.KILLED
        return forks.SURVIVED


def _outcome(end: forks.Ended) -> str:
    if end.code == forks.SURVIVED:
        return "survived"
    return "timed out" if end.code == forks.TIMED_OUT else "killed"
