"""What a call of the command answered: its exit code, its streams, and its JSON, looked into by name."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from diana_agent.models.base import JsonValue


class Node:
    """A place in a JSON document: `answer["plan"]["pending"][0] == ...`; what is not there equals nothing."""

    def __init__(self, value: JsonValue, way: str = "") -> None:
        self.value = value
        self._way = way

    def __getitem__(self, key: str | int) -> Node:
        way = f"{self._way}[{key!r}]"
        if isinstance(self.value, Mapping) and isinstance(key, str):
            assert key in self.value, f"{way} is not there; there is {sorted(self.value)}"
            return Node(self.value[key], way)
        assert isinstance(self.value, list), f"{self._way} holds nothing: {self.value!r}"
        assert isinstance(key, int)
        return Node(self.value[key], way)

    def __contains__(self, key: object) -> bool:
        return isinstance(self.value, (Mapping, list, str)) and key in self.value  # pyright: ignore[reportOperatorIssue]  # any key may be looked for

    def __iter__(self) -> Iterator[Node]:
        assert isinstance(self.value, list), f"{self._way} is no list: {self.value!r}"
        return iter([Node(one, f"{self._way}[{place}]") for place, one in enumerate(self.value)])

    def __len__(self) -> int:
        assert isinstance(self.value, (Mapping, list, str))
        return len(self.value)

    def __eq__(self, other: object) -> bool:
        return self.value == (other.value if isinstance(other, Node) else other)

    def __hash__(self) -> int:
        return hash(json.dumps(self.value))

    def __repr__(self) -> str:
        return f"{self._way or 'document'} = {json.dumps(self.value, ensure_ascii=False)[:600]}"

    @property
    def text(self) -> str:
        assert isinstance(self.value, str), f"{self!r} is no text"
        return self.value

    @property
    def number(self) -> float:
        assert isinstance(self.value, int | float), f"{self!r} is no number"
        return self.value


@dataclass(frozen=True, slots=True)
class Result:
    """How a call ended, and what it printed where."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[Node]:
        """Each line of standard output as JSON."""
        return [Node(json.loads(line)) for line in self.out.splitlines()]

    @property
    def summary(self) -> Node:
        """The one object of a verb, or the last line of a streamed one."""
        assert self.out, f"nothing on standard output; standard error: {self.err}"
        return self.lines[-1]

    def events(self, kind: str) -> list[Node]:
        """The data of a streamed verb's events of one kind."""
        return [line["data"] for line in self.lines if line["event"] == kind]

    def __str__(self) -> str:
        return f"exit {self.code}\nstdout: {self.out[-3000:]}\nstderr: {self.err[-3000:]}"
