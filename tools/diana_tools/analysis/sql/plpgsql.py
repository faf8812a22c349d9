"""PL/pgSQL bodies: control words are peeled off, what is left is SQL and goes back to the SQL reader."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from diana_tools.analysis.sql.spoken import spoken
from diana_tools.analysis.sql.tokens import Token, lexis, scan
from diana_tools.analysis.sql.tree import NotParsed
from diana_tools.analysis.statement import UNKNOWN, Collected, Gap, Reading, plain

HOLE = "diana_unresolved"
"""A name that stands in SQL for what only a run can tell."""

_DONE_WORDS = """
END RETURN RAISE NULL EXIT CONTINUE ASSERT GET OPEN FETCH MOVE CLOSE COMMIT ROLLBACK
"""
_DONE = frozenset(_DONE_WORDS.split())
_SQL_WORDS = """
SELECT WITH INSERT UPDATE DELETE MERGE TRUNCATE DROP ALTER CREATE SET RESET GRANT REVOKE COMMENT LOCK COPY
REFRESH REINDEX ANALYZE VACUUM CALL DO PREPARE DEALLOCATE DISCARD NOTIFY LISTEN VALUES EXPLAIN REASSIGN IMPORT
CLUSTER SECURITY TABLE LOAD
"""
_SQL = frozenset(_SQL_WORDS.split())
_MOST_LEVELS = 8
_MOST_TOKENS = 5_000

Reader = Callable[[str, int], Reading]


@dataclass(slots=True)
class _Part:
    """Tokens between two semicolons, with the text they came from."""

    source: str
    tokens: list[Token]
    end: int

    @property
    def word(self) -> str:
        return self.tokens[0].upper if self.tokens else ""

    def text(self, first: int = 0, last: int | None = None) -> str:
        chosen = self.tokens[first:last]
        if not chosen:
            return ""
        end = self.end if last is None or last >= len(self.tokens) else self.tokens[last].start
        return self.source[chosen[0].start : end]

    def drop(self, count: int) -> None:
        del self.tokens[:count]

    def find(self, word: str, before: int | None = None) -> int:
        """Place of a keyword outside parentheses and CASE expressions, -1 when it is not there."""
        depth = cases = 0
        for index, token in enumerate(self.tokens[:before]):
            depth += {"(": 1, ")": -1}.get(token.text, 0) if token.kind == "mark" else 0
            if index and token.upper == "CASE":
                cases += 1
            elif token.upper == "END" and cases:
                cases -= 1
            elif index and depth == 0 and cases == 0 and token.upper == word:
                return index
        return -1


def read_block(text: str, line: int, read: Reader, level: int = 0) -> Reading:
    """The statements that a block would run; `read` reads SQL; lines count from `line`."""
    if level > _MOST_LEVELS or len(text) > 200_000:
        return Reading((), (Gap(line, "AC003.body_too_deep", plain(text)),))
    return _Block(text, line, read).run()


class _Block:
    def __init__(self, text: str, line: int, read: Reader) -> None:
        found = scan(text, lexis("postgresql"))
        self.clean = found.clean
        self.tokens = found.tokens
        self.line = line
        self.counted = 0
        self.read = read
        self.found = Collected()
        self.declaring = False
        self.loops = 0
        self.branches = 0
        if found.open:
            self._gap("AC003.body_not_parsed", text)

    def run(self) -> Reading:
        start, depth = 0, 0
        for index, token in enumerate(self.tokens):
            if token.kind == "mark":
                depth += {"(": 1, ")": -1}.get(token.text, 0)
                if token.text == ";" and depth <= 0:
                    self._statement(_Part(self.clean, self.tokens[start:index], token.start))
                    start, depth = index + 1, 0
        if start < len(self.tokens):
            self._statement(_Part(self.clean, self.tokens[start:], len(self.clean)))
        return self.found.reading()

    def _line(self, part: _Part) -> int:
        start = part.tokens[0].start if part.tokens else self.counted
        self.line += self.clean.count("\n", self.counted, start)
        self.counted = max(start, self.counted)
        return self.line

    def _gap(self, why: str, text: str, line: int | None = None) -> None:
        self.found.gaps.append(Gap(line or self.line, why, plain(text)))

    def _statement(self, part: _Part) -> None:
        if len(part.tokens) > _MOST_TOKENS:
            self._gap("AC003.body_too_deep", part.text(0, 20), self._line(part))
            return
        while part.tokens and self._peel(part):
            pass
        if part.tokens:
            self._last(part)

    def _peel(self, part: _Part) -> bool:
        """Take one control word off the front; False when what is left is one plain statement."""
        word = part.word
        if part.tokens[0].text == "<" and len(part.tokens) > 4:
            part.drop(5)
        elif word == "DECLARE":
            self.declaring = True
            self._aside(part, len(part.tokens))
        elif word == "BEGIN":
            self.declaring = False
            part.drop(1)
        elif self.declaring:
            self._aside(part, len(part.tokens))
        elif word in ("ELSE", "LOOP", "EXCEPTION"):
            self._enter(word)
            part.drop(1)
        elif word in ("IF", "ELSIF", "ELSEIF", "WHEN", "CASE"):
            return self._upto(part, "THEN")
        elif word in ("WHILE", "FOR", "FOREACH"):
            return self._loop(part)
        else:
            return False
        return True

    def _enter(self, word: str) -> None:
        if word == "LOOP":
            self.loops += 1
        else:
            self.branches += 1

    def _upto(self, part: _Part, word: str) -> bool:
        """Skip a condition; one that never ends makes the rest a plain statement, which will not parse."""
        if part.word == "END":
            return False
        place = part.find(word)
        if place < 0:
            self._gap("AC003.body_not_parsed", part.text(), self._line(part))
            part.drop(len(part.tokens))
            return False
        self._aside(part, place + 1)
        self.branches += 1
        return True

    def _loop(self, part: _Part) -> bool:
        place = part.find("LOOP")
        inside = part.find("IN", place)
        if place < 0:
            self._gap("AC003.body_not_parsed", part.text(), self._line(part))
            part.drop(len(part.tokens))
            return False
        if part.word == "FOR" and 0 < inside < place:
            query = _Part(part.source, part.tokens[inside + 1 : place], part.tokens[place].start)
            if query.word in _SQL or query.word == "EXECUTE":
                self._last(query)
                part.drop(place)
                place = 0
        self._aside(part, place + 1)
        self.loops += 1
        return True

    def _aside(self, part: _Part, count: int) -> None:
        """Take an expression off the front: it changes nothing itself, but what it calls may."""
        called = tuple(spoken(part.tokens[:count]))
        if called:
            line, shown = self._line(part), plain(part.text(0, count))
            self._add(Reading(tuple(replace(call, line=line, text=shown) for call in called)))
        part.drop(count)

    def _last(self, part: _Part) -> None:
        word, line = part.word, self._line(part)
        if word == "END":
            self._leave(part)
        elif word == "RETURN" and part.tokens[1:2] and part.tokens[1].upper == "QUERY":
            part.drop(2)
            self._last(part) if part.tokens else None
        elif word == "EXECUTE":
            self._execute(part, line)
        elif word == "PERFORM":
            self._sql("SELECT " + part.text(1), line)
        elif word in _SQL:
            self._sql(_without_into(part), line)
        elif word in _DONE or _assigns(part):
            self._aside(part, len(part.tokens))
        else:
            self._gap("AC003.body_not_parsed", part.text(), line)

    def _leave(self, part: _Part) -> None:
        ended = part.tokens[1].upper if len(part.tokens) > 1 else ""
        if ended == "LOOP":
            self.loops = max(0, self.loops - 1)

    def _sql(self, text: str, line: int) -> None:
        try:
            reading = self.read(text, line)
        except NotParsed:
            self._gap("AC003.body_not_parsed", text, line)
            return
        self._add(reading)

    def _add(self, reading: Reading) -> None:
        sure = not (self.loops or self.branches)
        self.found.add(reading if sure else reading.maybe(looped=self.loops > 0))

    def _execute(self, part: _Part, line: int) -> None:
        """EXECUTE of a literal is read like any SQL; of anything else, as far as its literals tell."""
        ends = [place for word in ("INTO", "USING") if (place := part.find(word)) > 0]
        tokens = part.tokens[1 : min(ends, default=len(part.tokens))]
        if tokens and all(token.kind == "string" or token.text == "|" for token in tokens):
            self._sql("".join(token.text for token in tokens if token.kind == "string"), line)
            return
        self._gap("AC001.dynamic_execute", part.text(), line)
        template = _template(tokens)
        try:
            reading = self.read(template, line) if template else Reading()
        except NotParsed:
            return
        named = tuple(replace(s, table=_named(s.table), name=_named(s.name)) for s in reading.statements)
        self._add(Reading(named).guess())


def _named(name: str) -> str:
    return UNKNOWN if HOLE in name else name


def _template(tokens: list[Token]) -> str:
    """The literals of a concatenation or of format(), with a name in every place that only a run can fill."""
    if [token.text.lower() for token in tokens[:2]] == ["format", "("] and tokens[2:3] and tokens[2].kind == "string":
        return tokens[2].text.replace("%I", HOLE).replace("%s", HOLE).replace("%L", f"'{HOLE}'")
    parts = [token.text if token.kind == "string" else "" if token.text == "|" else HOLE for token in tokens]
    return "".join(parts) if len(tokens) < 40 else ""


def _without_into(part: _Part) -> str:
    """The statement without the INTO that names variables; INSERT INTO and MERGE INTO stay."""
    place = part.find("INTO")
    if place < 0 or part.tokens[place - 1].upper in ("INSERT", "MERGE"):
        place = next((i for i in range(max(place, 0) + 1, len(part.tokens)) if part.tokens[i].upper == "INTO"), -1)
    if place < 0:
        return part.text()
    end = place + 1
    if end < len(part.tokens) and part.tokens[end].upper == "STRICT":
        end += 1
    end += 1
    while end + 1 < len(part.tokens) and part.tokens[end].text in (",", "."):
        end += 2
    return part.text(0, place) + " " + part.text(end)


def _assigns(part: _Part) -> bool:
    """`x := ...`, `x.y = ...`, `x[1] := ...`: a name, then parts of a name, then the sign."""
    for index, token in enumerate(part.tokens[1:40], start=1):
        if token.text == ":" and part.tokens[index + 1 : index + 2] and part.tokens[index + 1].text == "=":
            return True
        if token.text == "=":
            return True
        if token.text not in (".", "[", "]") and token.kind == "mark":
            return False
    return False
