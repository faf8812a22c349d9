"""`python -m alembic upgrade REV`, or downgrade, and nothing else, in the project's interpreter, on the real database.

Alembic's own command line does the work: its parser, its config, its `command.upgrade`. Three things differ, and are
why this file exists. "Running upgrade A -> B" is said even where the project's logging keeps quiet, because without it
nobody can tell which migration failed. Several target revisions may be given, where Alembic's parser takes one, so that
a file that appeared later never joins in. And Alembic is imported before the project's folder is on the path, because
that folder is often named `alembic` too.
"""

import sys

import alembic_child as child


def main():
    """Do as told; errors and the exit code are Alembic's own."""
    parser = child.new_parser()
    parser.add_argument("--version", action="store_true")
    parser.add_argument("direction", nargs="?", choices=("upgrade", "downgrade"))
    parser.add_argument("targets", nargs="*")
    chosen = parser.parse_args()
    if chosen.version:
        print("alembic", version())
        return
    child.like_python_m_alembic()
    import alembic.runtime.migration as migration

    migration.log = child.announce(migration.log)
    command, config, options = child.configuration(chosen, [chosen.direction, *chosen.targets[:1]])
    if chosen.direction == "downgrade" and len(chosen.targets) > 1:
        down_to_several(config, tuple(chosen.targets))
        return
    if len(chosen.targets) > 1:
        options.revision = tuple(chosen.targets)
    command.run_cmd(config, options)


def version():
    """From the package's own metadata, which takes a fraction of the time; what has none is imported.

    An Alembic that could not be imported is none: then the import says why.
    """
    from importlib import metadata, util

    try:
        if all(util.find_spec(name) for name in ("alembic", "sqlalchemy", "mako")):
            return metadata.version("alembic")
    except metadata.PackageNotFoundError:
        pass
    child.like_python_m_alembic()
    import alembic

    return alembic.__version__


def down_to_several(config, targets):
    """What `command.downgrade` does, for a history with branches, which Alembic's own parser cannot name."""
    from alembic.script import ScriptDirectory

    script = ScriptDirectory.from_config(config)
    child.run_environment(
        config, script, lambda heads, _context: child.steps(script, "down", targets, heads),
        as_sql=False, starting_rev=None, destination_rev=targets, tag=None,
    )  # fmt: skip


if __name__ == "__main__":
    main()
    sys.exit(0)
