"""A third party's adapter, held to its contract: what it hands out is checked and narrowed before anything runs it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TypeVar

from diana_tools.adapters.base import Adapter, Override, Probe, Progress, Project, RehearsalOutput, Shape, Tree
from diana_tools.command import Output, ReadCommand, WriteCommand
from diana_tools.domain import DatabaseUrl, Detection
from diana_tools.errors import ToolError
from diana_tools.measured import Preview
from diana_tools.third_party import Origin

T = TypeVar("T")


class ThirdPartyAdapter:
    """The adapter of another distribution, of which the person admitted this version's very files.

    Every command that only looks counts as running the project's code, so that none of them starts before trust, and
    none can be a changing one in disguise; a detection can only be of its own tool, inside the project.
    """

    def __init__(self, adapter: Adapter, origin: Origin, files: tuple[tuple[Path, str], ...]) -> None:
        """`files` are the adapter's own modules with their SHA-256 when they were imported."""
        self._adapter = adapter
        self.origin = origin
        self._files = tuple(path for path, _ in files)
        self.code = tuple((f"{origin.distribution} {origin.version}: {path.name}", digest) for path, digest in files)
        """What a plan is bound to, beside the project's own files: another version makes another plan."""
        self.tool: str = adapter.tool
        self.title: str = adapter.title
        self.engines: tuple[str, ...] = tuple(adapter.engines)
        self.shapes: Mapping[str, Shape] = dict(adapter.shapes)
        self.child_env: tuple[str, ...] = tuple(adapter.child_env)
        self.tested: tuple[str, str] = adapter.tested
        self.can_roll_back: bool = adapter.can_roll_back

    def _held(self, answer: object, kind: type[T], asked: str) -> T:
        """The answer, if it is of exactly that kind: a class derived from it may do anything when it is read."""
        if type(answer) is not kind:
            source = f"{self.origin.distribution} {self.origin.version}"
            raise ToolError("plugin_refused", {"source": source, "what": f"{asked} -> {kind.__name__}"})
        return answer

    def _looking(self, command: object, asked: str) -> ReadCommand:
        return replace(self._held(command, ReadCommand, asked), runs_project_code=True)

    def detect(self, tree: Tree) -> tuple[Detection, ...]:
        """See `Adapter.detect`; what is no path inside the project, or another tool's, is refused."""
        found = tuple(self._held(one, Detection, "detect") for one in self._adapter.detect(tree))
        for one in found:
            inside = all(
                not PurePosixPath(path).is_absolute() and ".." not in PurePosixPath(path).parts
                for path in (one.root, one.config, one.migrations)
            )
            if one.tool != self.tool or not inside:
                self._held(None, Detection, "detect")
        return found

    def interpreters(self, root: Path, tool_root: Path) -> tuple[Path, ...]:
        """See `Adapter.interpreters`."""
        return tuple(Path(one) for one in self._adapter.interpreters(root, tool_root))

    def version(self, project: Project) -> ReadCommand:
        """See `Adapter.version`; it needs trust too."""
        return self._looking(self._adapter.version(project), "version")

    def parse_version(self, output: Output) -> str:
        """See `Adapter.parse_version`."""
        return self._held(self._adapter.parse_version(output), str, "parse_version")

    def executed(self, project: Project) -> tuple[Path, ...]:
        """See `Adapter.executed`; the adapter's own files are among them, so that a new version is asked about."""
        return (*(Path(one) for one in self._adapter.executed(project)), *self._files)

    def probe(self, project: Project, override: Override | None = None) -> ReadCommand:
        """See `Adapter.probe`."""
        return self._looking(self._adapter.probe(project, override), "probe")

    def parse_probe(self, project: Project, output: Output) -> Probe:
        """See `Adapter.parse_probe`."""
        return self._held(self._adapter.parse_probe(project, output), Probe, "parse_probe")

    def preview(self, project: Project, probe: Probe, target: tuple[str, ...]) -> ReadCommand | None:
        """See `Adapter.preview`."""
        command = self._adapter.preview(project, probe, target)
        return None if command is None else self._looking(command, "preview")

    def parse_preview(self, output: Output) -> Preview:
        """See `Adapter.parse_preview`."""
        return self._held(self._adapter.parse_preview(output), Preview, "parse_preview")

    def apply(self, project: Project, target: tuple[str, ...], timeout: float) -> WriteCommand:
        """See `Adapter.apply`."""
        return self._held(self._adapter.apply(project, target, timeout), WriteCommand, "apply")

    def rollback(self, project: Project, probe: Probe, to: tuple[str, ...], timeout: float) -> WriteCommand:
        """See `Adapter.rollback`."""
        return self._held(self._adapter.rollback(project, probe, to, timeout), WriteCommand, "rollback")

    def override(self, project: Project, url: DatabaseUrl, folder: Path) -> Override:
        """See `Adapter.override`; a file outside the private folder is refused."""
        made = self._held(self._adapter.override(project, url, folder), Override, "override")
        if not all(path.resolve().is_relative_to(folder.resolve()) for path in made.files):
            self._held(None, Override, "override")
        return made

    def rehearse(
        self, project: Project, override: Override, marker: str, direction: str, target: tuple[str, ...], timeout: float
    ) -> WriteCommand:
        """See `Adapter.rehearse`."""
        command = self._adapter.rehearse(project, override, marker, direction, target, timeout)
        return self._held(command, WriteCommand, "rehearse")

    def parse_rehearsal(self, output: Output) -> RehearsalOutput:
        """See `Adapter.parse_rehearsal`."""
        return self._held(self._adapter.parse_rehearsal(output), RehearsalOutput, "parse_rehearsal")

    def progress(self, line: str) -> Progress | None:
        """See `Adapter.progress`."""
        found = self._adapter.progress(line)
        return None if found is None else self._held(found, Progress, "progress")

    def explain(self, output: Output) -> tuple[str, str]:
        """See `Adapter.explain`."""
        code, words = self._adapter.explain(output)
        return self._held(code, str, "explain"), self._held(words, str, "explain")
