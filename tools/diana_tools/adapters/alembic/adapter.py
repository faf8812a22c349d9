"""Alembic: its commands as data, run by the project's own interpreter through the programs in `probes/`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from diana_tools import probes
from diana_tools.adapters import connection_variables, python_projects
from diana_tools.adapters.alembic import config as ini
from diana_tools.adapters.alembic import detection, reports
from diana_tools.adapters.alembic.scripts import LARGEST, located
from diana_tools.adapters.base import Override, Probe, Progress, Project, RehearsalOutput, Shape, Tree
from diana_tools.adapters.python_projects import Variable
from diana_tools.command import Output, ReadCommand, WriteCommand
from diana_tools.domain import DatabaseUrl, Detection
from diana_tools.errors import ToolError
from diana_tools.files import bounded_text
from diana_tools.measured import Preview
from diana_tools.redaction import plain

_PROGRAMS = Path(probes.__file__).parent
_PROBE_S = 60.0
_VERSION = re.compile(r"^alembic (\d+\.\d+\S*)", re.MULTILINE)
_RUNNING = re.compile(r"Running (upgrade|downgrade) +([^>]*?) ?-> ?([^,\s]*)(?:, (.*))?$")
_COPY = "alembic.ini"


class Alembic:
    """The adapter; `environ` is the person's environment, of which children see only what they need."""

    tool = "alembic"
    title = "Alembic"
    engines: tuple[str, ...] = ("sqlite", "postgresql")
    shapes: Mapping[str, Shape] = {"sqlite": Shape.NONE, "postgresql": Shape.WHOLE_RUN}
    child_env: tuple[str, ...] = (
        "DATABASE_URL", "PYTHONPATH", "PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGUSER", "PGPASSWORD",
        "PGPASSFILE", "PGSERVICE", "PGSERVICEFILE", "PGSSLMODE", "PGSSLROOTCERT", "PGSSLCERT", "PGSSLKEY",
        "PGCHANNELBINDING", "PGTARGETSESSIONATTRS", "PGOPTIONS",
    )  # fmt: skip
    tested: tuple[str, str] = ("1.13", "1.20")
    can_roll_back = True

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def detect(self, tree: Tree) -> tuple[Detection, ...]:
        """Every section of every config that Alembic could be run with."""
        return detection.detect(tree)

    def interpreters(self, root: Path, tool_root: Path) -> tuple[Path, ...]:
        """The project's own environments first; Diana's interpreter last, where it has Alembic."""
        return python_projects.interpreters(root, tool_root, self._environ, "alembic")

    def version(self, project: Project) -> ReadCommand:
        """Asks the interpreter which Alembic it has; a project's interpreter counts as the project's code."""
        argv = (str(project.interpreter), str(_PROGRAMS / "alembic_run.py"), "--version")
        return ReadCommand(argv, project.tool_root, self._flags(), timeout=_PROBE_S, runs_project_code=True)

    def parse_version(self, output: Output) -> str:
        """The number after the word.

        Raises:
            ToolError: `tool_not_installed`, `tool_unreadable`.
        """
        found = _VERSION.search(output.stdout)
        if found is not None and output.exit_code == 0:
            return found.group(1)
        last = plain((output.stderr.strip().splitlines() or [f"exit {output.exit_code}"])[-1], 300)
        code = "tool_not_installed" if "No module named" in output.stderr else "tool_unreadable"
        raise ToolError(code, {"tool": self.title, "tried": "", "error": last})

    def executed(self, project: Project) -> tuple[Path, ...]:
        """The interpreter, the configuration files Alembic reads, and env.py."""
        scripts = located(project)
        beside = (project.tool_root / _COPY, project.tool_root / "pyproject.toml")
        env = scripts.folder / "env.py"
        guess = () if scripts.sure else (Path(env.name),)
        there = tuple(path for path in (*beside, *((env,) if guess else ())) if path.is_file())
        return tuple(dict.fromkeys((project.interpreter, project.config, *there, *(guess or (env,)))))

    def probe(self, project: Project, override: Override | None = None) -> ReadCommand:
        """The look of `alembic_probe.py`; with `override` in the folder and environment of a rehearsal."""
        return ReadCommand(
            self._argv("alembic_probe.py", project, override), project.tool_root, self._env(project, override),
            timeout=_PROBE_S, runs_project_code=True,
        )  # fmt: skip

    def parse_probe(self, project: Project, output: Output) -> Probe:
        """What it printed."""
        return reports.probe(project, output)

    def preview(self, project: Project, probe: Probe, target: tuple[str, ...]) -> ReadCommand | None:
        """`upgrade FROM:TO --sql`, offline; none where the history has branches, which a range cannot name.

        The alternative, a run on the target that is rolled back, holds the locks of every migration until its end and
        moves sequences: a rehearsal shows the same on a scratch.
        """
        if len(probe.current) > 1 or len(target) > 1:
            return None
        applied = {migration.id for migration in probe.applied}
        down = not target or (target[0] in applied and target != probe.current)
        start, end = (probe.current or ("base",))[0], (target or ("base",))[0]
        words = ("downgrade" if down else "upgrade", f"{start}:{end}")
        return ReadCommand(
            (*self._argv("alembic_preview.py", project, None), *words), project.tool_root, self._env(project, None),
            timeout=_PROBE_S, runs_project_code=True,
        )  # fmt: skip

    def parse_preview(self, output: Output) -> Preview:
        """The SQL, or why there is none."""
        return reports.preview(output)

    def apply(self, project: Project, target: tuple[str, ...], timeout: float) -> WriteCommand:
        """`upgrade REV...`, through `alembic_run.py`, which says why it is not `python -m alembic` itself."""
        return self._change(project, ("upgrade", *target), timeout)

    def rollback(self, project: Project, probe: Probe, to: tuple[str, ...], timeout: float) -> WriteCommand:
        """`downgrade REV...`, or `base`."""
        return self._change(project, ("downgrade", *(to or ("base",))), timeout)

    def override(self, project: Project, url: DatabaseUrl, folder: Path) -> Override:
        """A copy of the ini with the scratch's URL, and the variables the project reads saying the same.

        What a project's env.py holds in its own text is beyond both: then the marker is not seen.
        """
        original = project.config if project.config.suffix != ".toml" else project.tool_root / _COPY
        text = _text(original)
        now, names = self._now(project)
        like = next(iter(ini.urls(text)), "")
        told = connection_variables.redirected(names, now, url, like)
        like = next((value for value in told.values() if connection_variables.is_url(value)), like)
        copy = folder / _COPY
        section = project.section or "alembic"
        modes = {name: value for name, value in self._declared(project).items() if _harmless(name)}
        return Override(
            env={**modes, **connection_variables.libpq(url, str(folder / "none")), **told},
            files={copy: ini.redirected(text, original.parent, section, connection_variables.as_text(url, like))},
            config=copy,
        )

    def rehearse(
        self,
        project: Project,
        override: Override,
        marker: str,
        direction: str,
        target: tuple[str, ...],
        timeout: float,
    ) -> WriteCommand:
        """The run of `alembic_rehearse.py`: any database without `marker` is refused below SQLAlchemy."""
        argv = self._argv("alembic_rehearse.py", project, override)
        return WriteCommand(
            (*argv, "--marker", marker, "--direction", direction, *target), project.tool_root,
            self._env(project, override), timeout=timeout,
        )  # fmt: skip

    def parse_rehearsal(self, output: Output) -> RehearsalOutput:
        """What ran, per migration."""
        return reports.rehearsal(output)

    def progress(self, line: str) -> Progress | None:
        """`Running upgrade A -> B, description`: B on the way up, A on the way down."""
        found = _RUNNING.search(line)
        if found is None:
            return None
        direction, start, end, description = found.groups()
        return Progress(end if direction == "upgrade" else start.strip(), description or "")

    def explain(self, output: Output) -> tuple[str, str]:
        """The last exception's line, or Alembic's own."""
        return reports.explain(output)

    def _change(self, project: Project, words: tuple[str, ...], timeout: float) -> WriteCommand:
        program = (str(project.interpreter), str(_PROGRAMS / "alembic_run.py"))
        options = ("-c", reports.relative_to(project.config, project.tool_root), "-n", project.section or "alembic")
        return WriteCommand((*program, *options, *words), project.tool_root, self._env(project, None), timeout=timeout)

    def _argv(self, program: str, project: Project, override: Override | None) -> tuple[str, ...]:
        config = override.config if override is not None and override.config is not None else project.config
        return (
            str(project.interpreter), str(_PROGRAMS / program), "--root", str(project.root),
            "-c", reports.relative_to(config, project.tool_root), "-n", project.section or "alembic",
        )  # fmt: skip

    def _flags(self) -> dict[str, str]:
        """Looking leaves no byte code in the project, and output is seen as it comes."""
        return {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}

    def _env(self, project: Project, override: Override | None) -> dict[str, str]:
        told = self._declared(project) if override is None else dict(override.env)
        return self._flags() | told

    def _declared(self, project: Project) -> dict[str, str]:
        """Of the person's environment: the declared names, and what the project reads to find its database."""
        read = {one.name for one in self._names(project)}
        return {
            name: value
            for name, value in self._environ.items()
            if name in self.child_env or (name in read and connection_variables.concerns(name, value))
        }

    def _now(self, project: Project) -> tuple[dict[str, str], tuple[Variable, ...]]:
        """What the variables that the project reads say now: the environment before `.env`, as the usual readers do."""
        names = self._names(project)
        written = python_projects.dotenv((project.tool_root, project.root))
        known = {one.name for one in names}
        return written | {name: value for name, value in self._environ.items() if name in known}, names

    def _names(self, project: Project) -> tuple[Variable, ...]:
        roots = (project.tool_root, project.root)
        folders = (*roots, *(root / "src" for root in roots), *project.tool_root.parents[:1])
        inside = tuple(folder for folder in dict.fromkeys(folders) if folder.is_relative_to(project.root))
        return python_projects.variables(located(project).folder / "env.py", inside)


def _harmless(name: str) -> bool:
    return name == "PYTHONPATH" or connection_variables.is_mode(name)


def _text(path: Path) -> str:
    return bounded_text(path, LARGEST)
