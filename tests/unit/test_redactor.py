"""What is known to be secret never survives, in whichever form and however a stream is cut; what is not stays."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diana_tools.domain import DatabaseUrl
from diana_tools.redaction import MASK, Redactor, bounded, redact, sure
from diana_tools.secret_places import forms, forms_of_url, of_environment, of_file, of_folders, of_text
from diana_tools.veil import TextVeil, Veil

URL = DatabaseUrl("postgresql", "psycopg", "127.0.0.1", 5432, "shop", "app", "p@ss/word")
SECRET = st.text(st.characters(exclude_categories=("Cs", "Cc", "Cf", "Mn", "Me", "Zl", "Zp")), min_size=8, max_size=40)
WRITTEN: tuple[Callable[[str], str], ...] = (
    lambda word: word, lambda word: quote(word, safe=""), lambda word: quote_plus(word),
    lambda word: json.dumps(word)[1:-1], lambda word: repr(word)[1:-1], lambda word: ascii(word)[1:-1],
    lambda word: word.replace("'", "''"), lambda word: word.replace("%", "%%"),
    lambda word: re.sub("%[0-9A-F]{2}", lambda at: at[0].lower(), quote(word, safe="")),
)  # fmt: skip


def fit(word: str) -> bool:
    """Whether a random word is one that is masked everywhere: no blanks at its ends, no mask in it."""
    return word == word.strip() and "*" not in word and not word.isdigit() and len(set(word)) > 3


@settings(max_examples=120, deadline=None)
@given(data=st.data(), secrets=st.lists(SECRET.filter(fit), min_size=1, max_size=4), noise=st.text(max_size=30))
def test_no_secret_survives_any_chunking(data: st.DataObject, secrets: list[str], noise: str) -> None:
    pieces, planted = [noise], list[str]()
    for secret in data.draw(st.lists(st.sampled_from(secrets), min_size=1, max_size=8)):
        planted.append(data.draw(st.sampled_from(WRITTEN))(secret))
        pieces += [planted[-1], data.draw(st.sampled_from(["", " ", "\n", noise]))]
    text = "".join(pieces).encode("utf-8", "replace")
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=12)))
    known = list(forms(secrets))
    veil, shown = Veil(form.encode("utf-8", "surrogateescape") for form in known), b""
    for start, end in zip((0, *cuts), (*cuts, len(text)), strict=True):
        shown += veil.feed(text[start:end]) + (veil.pause() if data.draw(st.booleans()) else b"")
    shown += veil.rest()
    assert not [word for word in (*secrets, *planted) if word.encode() in shown]
    told = Redactor(known).text(text.decode(), 10_000)
    assert not [word for word in (*secrets, *planted) if word in told]


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300).filter(lambda raw: b"*" not in raw), st.lists(st.integers(0, 300), max_size=6))
def test_a_stream_without_secrets_is_passed_on_byte_for_byte(raw: bytes, cuts: list[int]) -> None:
    veil, shown = Veil([b"correct horse", b"correct horse battery"], lambda line: line), b""
    places = sorted(cut for cut in cuts if cut <= len(raw))
    for start, end in zip((0, *places), (*places, len(raw)), strict=True):
        shown += veil.feed(raw[start:end])
    assert shown + veil.rest() == raw


def test_a_secret_in_two_reads_is_held_back_and_a_question_is_not() -> None:
    veil = Veil([b"hunter2hunter2", b"hunter2"])
    assert veil.feed(b"Drop all? [y/N] ") + veil.pause() == b"Drop all? [y/N] "
    assert veil.feed(b"hunter2hun") + veil.pause() == b""
    assert veil.feed(b"ter2 and hunter2!\nhun") == b"*** and ***!\n"
    assert veil.rest() == b"hun"
    assert Veil([b"abc", b"abcdef"]).feed(b"xabcde") == b""
    cut = Veil([b"abc", b"abcdef"])
    cut.feed(b"xabcde")
    assert cut.rest() == b"x***de"


def test_what_a_model_streams_is_masked_piece_by_piece() -> None:
    veil = TextVeil(Redactor(forms(["päss-wörd-ß"])))
    told = [veil.feed(piece) for piece in ("The pass", "word is p", "äss-", "wö", "rd-ß", ", dear.")]
    assert "".join(told) + veil.rest() == "The password is ***, dear."
    assert told[0] == "The pass"


def test_lines_that_are_json_stay_json_and_lose_only_what_nothing_else_can_be() -> None:
    said = '@@DIANA@@{"sql": "SET password=abc", "role": "CREATE ROLE x PASSWORD \'open sesame\'"}\n'
    shown = Veil([]).feed(said.encode()).decode()
    assert json.loads(shown.removeprefix("@@DIANA@@")) == {
        "sql": "SET password=abc", "role": "CREATE ROLE x PASSWORD '***'"
    }  # fmt: skip
    assert Veil([]).feed(b"password=abc\n") == b"password=***\n"


@pytest.mark.parametrize(
    ("word", "known"),
    [("abc", ()), ("postgres", ()), ("Password", ()), ("5432", ()), ("shop", ("app", "shop")), ("", ())],
)
def test_a_short_or_common_word_is_masked_only_where_a_password_stands(word: str, known: tuple[str, ...]) -> None:
    redactor = Redactor(forms([word], known))
    assert redactor.forms == ()
    assert redactor.text(f"the {word} database") == f"the {word} database"
    if word:
        assert redactor.text(f"postgresql://u:{word}@h/x password={word}") == "postgresql://u:***@h/x password=***"


def test_a_password_that_is_the_users_name_does_not_blot_out_the_name() -> None:
    url = DatabaseUrl("postgresql", "", "db", 5432, "orders", "billing", "billing", (("password", "zebra crossing"),))
    assert set(forms_of_url(url)) == {"zebra crossing", "zebra%20crossing", "zebra+crossing", "zebra%%20crossing"}
    assert forms_of_url(URL)[0] == "p@ss/word"


def test_variables_with_a_secrets_name_or_a_password_in_their_value_are_known() -> None:
    found = set(
        of_environment(
            {
                "PGPASSWORD": "one-one",
                "MY_API_KEY": "two-two",
                "STRIPE_SECRET": "three",
                "GITHUB_TOKEN": "four",
                "DB_DSN": "host=h password=five user=x",
                "ANY": "amqp://u:s%40x@h/v",
                "PWD": "/home/me",
                "OLDPWD": "/x",
                "KEYBOARD": "de",
                "SSH_KEY": "/etc/passwd",
                "TOKEN_TTL": "3600",
                "SECRET_FILE": "/run/s",
                "LANG": "C",
                "PGPASSFILE": "/home/me/.pgpass",
                "URL": "sqlite:///x.db",
            }
        )
    )
    assert found >= {"one-one", "two-two", "three", "four", "five", "s%40x", "s@x"}
    assert not found & {"/home/me", "/x", "de", "/etc/passwd", "3600", "/run/s", "C", "/home/me/.pgpass"}


def test_what_a_project_wrote_down_is_known(tmp_path: Path) -> None:
    folder = tmp_path
    (folder / ".env").write_text("export API_TOKEN='in quotes' # not this\nSMTP_PASSWORD=no quotes # why\nDEBUG=1\n")
    (folder / ".env.local").write_text('A="postgresql://u:p@ss/w@h/d"\n')
    ini = folder / "alembic.ini"
    ini.write_text("[loggers]\nkeys = root,alembic\n[alembic]\nsqlalchemy.url = postgresql://u:100%%25@h/d\n")
    assert {"in quotes", "no quotes", "p@ss/w"} <= set(of_folders([folder, folder]))
    assert {"100%25", "100%"} <= set(of_file(ini))
    assert "root,alembic" not in set(of_file(ini))
    assert list(of_folders([folder / "missing"])) == []


def test_a_key_of_many_lines_is_masked_line_by_line() -> None:
    key = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG\n9w0BAQEFAASCBKcwggSj\n-----END PRIVATE KEY-----\n"
    redactor = Redactor(forms(of_environment({"TLS_PRIVATE_KEY": key})))
    assert redactor.hide("a MIIEvQIBADANBgkqhkiG b 9w0BAQEFAASCBKcwggSj") == "a *** b ***"
    assert "MIIEv" not in redact(f"x\n{key}y")


def test_masking_comes_before_cutting() -> None:
    for limit in range(10, 40):
        assert "sesame" not in bounded("please do open sesame now", limit, ("open sesame",))
        assert not re.search("ope|sesa", Redactor(["open sesame"]).text("please do open sesame now", limit))
    assert bounded("x" * 50, 10) == "x" * 9 + "…"


def test_what_nothing_but_a_secret_can_be_is_masked_even_in_facts() -> None:
    assert sure("x://u:p@h?password=a&b=1") == "x://u:***@h?password=***&b=1"
    assert sure("ALTER USER x PASSWORD 'a b'; IDENTIFIED BY 'c'") == "ALTER USER x PASSWORD '***'; IDENTIFIED BY '***'"
    assert sure("Authorization: Bearer abcdefghijklmnop==") == "Authorization: Bearer ***"
    assert sure("sk-ant-api03-abcdefghijkl AKIAABCDEFGHIJKLMNOP") == f"{MASK} {MASK}"
    assert sure("no revision identified by 'zz'") == "no revision identified by 'zz'", "English, not SQL"
    fact = "UPDATE api_tokens SET token = md5(x), secret: 5 rows of tokens"
    assert sure(fact) == fact


@pytest.mark.parametrize(
    "text",
    ["a" * 200_000, "password" * 20_000, "a://" * 50_000, "x:" * 100_000, "password='" * 20_000, "?token=" * 30_000],
)
@pytest.mark.timeout(60)
def test_no_text_makes_redaction_slow(text: str) -> None:
    """The square of such a length would take many minutes."""
    assert len(redact(text)) <= len(text)


def test_of_text_takes_every_reading_of_a_password() -> None:
    assert {"p", "p@h/x?y=a"} <= set(of_text("pg://u:p@h/x?y=a@b"))
