"""The command `diana`: arguments, which face, and errors as one sentence with an exit code; it loads nothing heavy."""

from __future__ import annotations

import argparse
import io
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from diana_config.errors import DianaError, SettingsError
from diana_prompts.catalogue import Catalogue

if TYPE_CHECKING:
    from diana_agent.call import Call
    from diana_agent.journals import JournalWords

_WALKS = (
    "detect",
    "connect",
    "plan",
    "ask",
    "backup",
    "rehearse",
    "dry-run",
    "migrate",
    "verify",
    "rollback",
    "restore",
)
_SETTINGS = (
    ("environment", "NAME"), ("database", "URL|VARIABLE"), ("tool", "NAME"), ("tool-root", "FOLDER"), ("mode", "MODE"),
    ("timeout", "SECONDS"), ("expected-db", "NAME"), ("user", "NAME"), ("language", "CODE"),
    ("document-language", "CODE"), ("level", "SKILL"), ("output", "FOLDER"), ("ticket", "ID"), ("reason", "TEXT"),
    ("target", "ALIAS"), ("to", "VERSION"), ("count", "N"), ("model", "KIND"), ("model-name", "NAME"),
    ("model-sees", "WHAT"),
    ("interpreter", "PATH"), ("backup-folder", "FOLDER"),
)  # fmt: skip
_VERBS = ("chat", "demo", *_WALKS, "approve", "report", "config", "journal", "model")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one call of the command and return its exit code; whatever goes wrong is one sentence, never a traceback."""
    words = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that knows no ✓ shows a question mark
    try:
        return _carry(_read(words))
    except DianaError as error:
        return _say(error, words)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:  # noqa: BLE001  the outermost place: a bug is a sentence and a file, for every face
        from diana_agent.crash import crashed

        return _say(crashed(error, os.environ), words)


class _Parser(argparse.ArgumentParser):
    """Says in a sentence of the catalogue what is wrong with a command line."""

    def error(self, message: str) -> NoReturn:
        """Raise it for `main`.

        Raises:
            SettingsError: `verb_unknown`, `usage`.
        """
        verb = re.match(r"argument VERB: invalid choice: '([^']*)'", message)
        if verb is not None:
            raise SettingsError("verb_unknown", {"verb": verb[1][:40], "nearest": _nearest(verb[1], _VERBS) or "chat"})
        raise SettingsError("usage", {"error": message[:300], "prog": self.prog})


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="diana", description="Takes you safely through database schema migrations.", allow_abbrev=False
    )
    parser.add_argument("--version", action="store_true", help="print the version")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB")
    common = _common()
    for verb in _VERBS:
        one = verbs.add_parser(verb, parents=[common], help=_HELP[verb], description=_HELP[verb], allow_abbrev=False)
        _own(verb, one)
    for action in common._actions:
        if action.dest != "help":
            parser._add_action(action)
    return parser


def _read(words: list[str]) -> argparse.Namespace:
    """The arguments; no flag may be shortened, and one that there is not is named with the nearest.

    Raises:
        SettingsError: `flag_unknown`, `flag_unknown_near`, `usage`, `verb_unknown`.
    """
    parser = _parser()
    options, left = parser.parse_known_args(words)
    if not left:
        return options
    flag = next((word for word in left if word.startswith("-")), "")
    if not flag and len(left) == 1 and getattr(options, "run", None) == "":
        options.run = left[0]  # argparse takes an optional word only right behind its verb
        return options
    if not flag:
        raise SettingsError("usage", {"error": f"unrecognized: {left[0][:80]}", "prog": parser.prog})
    said = flag.lstrip("-").partition("=")[0][:40]
    near = _nearest(said, tuple(name.lstrip("-") for name in parser._option_string_actions))
    fields = {"flag": said, "nearest": near} if near else {"flag": said}
    raise SettingsError("flag_unknown_near" if near else "flag_unknown", fields)


def _nearest(word: str, known: tuple[str, ...]) -> str:
    import difflib

    return next(iter(difflib.get_close_matches(word[:80], known, 1, 0.6)), "")


_HELP = {
    "chat": "talk to Diana (also without any verb)", "demo": "a throw-away shop to try everything on",
    "detect": "find the migration tool",
    "connect": "reach the database", "plan": "what is pending, and what it destroys",
    "ask": "a question about the pending migrations", "backup": "back up and prove it",
    "rehearse": "run the migrations on a scratch copy", "dry-run": "show what would run",
    "migrate": "back up, rehearse, run, verify, log", "verify": "check the last run",
    "rollback": "revert the last migration",
    "restore": "give back a backup's state", "approve": "approve a request at this terminal",
    "report": "the log of the last run", "config": "show every setting and where it came from",
    "journal": "verify or show the record of a run", "model": "which model talks, what it may see, what was sent last",
}  # fmt: skip


def _common() -> _Parser:
    common = _Parser(add_help=False, argument_default=argparse.SUPPRESS)
    common.add_argument("--project", metavar="PATH", help="the project's folder (default: here)")
    for name, shape in _SETTINGS:
        common.add_argument(f"--{name}", metavar=shape)
    common.add_argument("--skip-backup", action="store_true", help="no backup (asks; refused where it must not be)")
    common.add_argument("--skip-rehearsal", action="store_true", help="do not rehearse before the run")
    common.add_argument("--no-rollback", action="store_true", help="do not take back a failed run by itself")
    common.add_argument("--trust", action="store_true", help="run this project's code, for this call")
    common.add_argument("--yes", action="store_true", help="answer y/N where that is allowed; never in production")
    common.add_argument("--json", action="store_true", help="machine-readable output")
    common.add_argument("--plain", action="store_true", help="no full screen: lines only")
    return common


def _own(verb: str, one: argparse.ArgumentParser) -> None:
    if verb == "plan":
        one.add_argument("--exit-code", action="store_true", help="exit 10 when migrations are pending")
    if verb == "ask":
        one.add_argument("question")
    if verb == "restore":
        one.add_argument("--backup", default="", metavar="ID", help="which backup (default: the newest)")
    if verb in ("migrate", "rollback"):
        one.add_argument("--request", metavar="FILE", help="write a request for approval instead of running")
        one.add_argument("--approval", metavar="FILE", help="run what was approved")
    if verb == "approve":
        one.add_argument("request", metavar="FILE")
    if verb == "demo":
        one.add_argument("--folder", metavar="PATH", help="where to build it (default: a new temporary folder)")
    _own_of_records(verb, one)


def _own_of_records(verb: str, one: argparse.ArgumentParser) -> None:
    if verb == "config":
        one.add_argument("action", choices=("show",))
    if verb == "journal":
        one.add_argument("action", choices=("verify", "show", "export"))
        one.add_argument("run", nargs="?", default="", metavar="RUN")
        one.add_argument("--anchor", action="append", default=[], metavar="HEAD", help="a head kept elsewhere")
        one.add_argument("--all", action="store_true", help="verify every run (RUN: the database whose runs)")
        one.add_argument("--kind", action="append", default=[], metavar="KIND", help="only events of this kind")
        one.add_argument("--since", default="", metavar="TIME", help="only events from then on (ISO 8601, UTC)")
    if verb == "model":
        one.add_argument("--show-last", action="store_const", const="show-last", default="", dest="action",
                         help="print exactly what was sent in the last request to a remote model")  # fmt: skip
    if verb == "report":
        one.add_argument("run", nargs="?", default="", metavar="RUN")


def _carry(options: argparse.Namespace) -> int:
    if options.version:
        from importlib.metadata import version

        sys.stdout.write(f"diana {version('diana-migrations')}\n")
        return 0
    if options.verb == "demo":
        from diana_agent.demo import place_of, prepare

        place = place_of(getattr(options, "folder", None) or "")
        code = open_chat(lambda: prepare(call_of(options), place), "shop", options)
        sys.stderr.write(Catalogue().say("demo.kept", folder=str(place)) + "\n")
        return code
    call = call_of(options)
    if options.verb in (None, "chat"):
        return open_chat(lambda: call, call.project.name, options)
    return _headless(call, options)


def open_chat(made: Callable[[], Call], project: str, options: argparse.Namespace) -> int:
    """The chat on the screen, or line by line; the call is made after the first frame."""
    if _plain(options):
        from diana_agent.plain_chat import run_plain_chat

        return run_plain_chat(made())
    from diana_agent.tui.app import run_chat

    def open_talk(person: Person) -> Talk:
        from diana_agent.chat import Chat

        return Chat(made(), person, "tui")

    return run_chat(open_talk, Catalogue(str(getattr(options, "language", "en"))), project)


if TYPE_CHECKING:
    from diana_agent.conversation import Talk
    from diana_agent.person import Person


def _plain(options: argparse.Namespace) -> bool:
    screen = sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
    return bool(getattr(options, "plain", False)) or not screen


def call_of(options: argparse.Namespace) -> Call:
    """The call that the arguments describe."""
    from diana_agent.call import Call, Said

    given: dict[str, str | bool | int | float] = {
        name: value for name, value in vars(options).items() if name.replace("_", "-") in dict(_SETTINGS)
    }
    if getattr(options, "skip_backup", False):
        given["skip_backup"] = True
    if getattr(options, "no_rollback", False):
        given["rollback_on_failure"] = False
    modes = {"rollback": "rollback", "dry-run": "plan_only"}
    if options.verb in modes:
        given["mode"] = modes[options.verb]
    said = Said(
        trust=getattr(options, "trust", False), yes=getattr(options, "yes", False),
        skip_rehearsal=getattr(options, "skip_rehearsal", False), approval=_path(options, "approval"),
        request=_path(options, "request"),
    )  # fmt: skip
    return Call(Path(getattr(options, "project", ".")).absolute(), given, os.environ, said)


def _path(options: argparse.Namespace, name: str) -> Path | None:
    given = getattr(options, name, None)
    return Path(given).absolute() if given else None


def _headless(call: Call, options: argparse.Namespace) -> int:
    import asyncio

    if options.verb in ("config", "journal", "report", "approve", "model"):
        from diana_agent.records import records

        return records(call, options.verb, getattr(options, "action", ""), _words(options), as_json=_json(options))
    from diana_agent.headless import Asked, headless
    from diana_agent.plain_person import open_person

    asked = Asked(
        options.verb, _json(options), getattr(options, "exit_code", False), getattr(options, "backup", ""),
        getattr(options, "question", ""), str(call.flags.get("model", "")),
    )  # fmt: skip
    try:
        return asyncio.run(headless(call, asked, open_person(call.flags)))
    except asyncio.CancelledError:
        return 130


def _words(options: argparse.Namespace) -> JournalWords:
    from diana_agent.journals import JournalWords

    return JournalWords(
        str(getattr(options, "run", "") or getattr(options, "request", "")), tuple(getattr(options, "anchor", ())),
        getattr(options, "all", False), tuple(getattr(options, "kind", ())), getattr(options, "since", ""),
    )  # fmt: skip


def _json(options: argparse.Namespace) -> bool:
    return bool(getattr(options, "json", False))


def _say(error: DianaError, words: list[str]) -> int:
    """The failure as a sentence on standard error, with `--json` as an object as well; returns the exit code."""
    from diana_agent.exits import exit_code
    from diana_agent.sentences import refusal

    given = words.index("--language") + 1 if "--language" in words else 0
    catalogue = Catalogue(words[given] if 0 < given < len(words) else "en")
    said = refusal(error.code, error.fields, catalogue)
    code = exit_code(error)
    if "--json" in words:
        import json

        from diana_agent.headless import STREAMED, print_line

        verb = next((word for word in words if word in _VERBS), "chat")
        body = {"schema": f"diana.{verb}/1", "status": "halted", "reason": error.code, "sentence": said, "exit": code}
        print_line(json.dumps(body | ({"event": "summary"} if verb in STREAMED else {}), ensure_ascii=False))
    sys.stderr.write(f"diana: {said}\n")
    return code
