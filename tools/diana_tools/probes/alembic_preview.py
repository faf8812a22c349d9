"""Alembic's own dry run, `upgrade FROM:TO --sql`, with every connection that env.py might open held to reading.

Only Alembic's SQL is kept: what the project prints is not mixed in, and a script that broke off is no preview.
"""

import io
import os

import alembic_child as child
import alembic_probe as probe


def main():
    """Print one marked line of JSON: the SQL, or a code and words for why there is none."""
    kept = child.private_stdout()
    parser = child.new_parser()
    parser.add_argument("direction", choices=("upgrade", "downgrade"))
    parser.add_argument("range")
    chosen = parser.parse_args()
    body = {"sql": "", "error": "", "words": ""}
    try:
        child.like_python_m_alembic()
        body["sql"] = child.clean(script_of(chosen))
    except BaseException as error:
        cause = child.cause_of(error)
        body.update(error=child.code_of(cause), words=child.words_of(cause, chosen.root))
    child.report(kept, body)
    os._exit(0)


def script_of(chosen):
    """The whole script; raises what the project or Alembic raises."""
    probe.hold_everything()
    command, config, options = child.configuration(chosen, [chosen.direction, chosen.range, "--sql"])
    config.output_buffer = io.StringIO()
    options.raiseerr = True
    command.run_cmd(config, options)
    return config.output_buffer.getvalue()


if __name__ == "__main__":
    main()
