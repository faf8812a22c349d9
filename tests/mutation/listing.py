"""The file that lists what is to be mutated, and which mutants change nothing that anybody could notice."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from mutation.mutants import Mutant, Source, mutants


@dataclass(frozen=True, slots=True)
class Listing:
    """All mutants of the sources, and the reason for each one that may survive."""

    sources: tuple[Source, ...]
    equivalent: Mapping[str, str] = field(default_factory=dict[str, str])

    def all(self) -> tuple[Mutant, ...]:
        """Every mutant of every source."""
        return tuple(mutant for source in self.sources for mutant in mutants(source))

    def named(self, name: str) -> Mutant:
        """One of them.

        Raises:
            LookupError: there is none of this name.
        """
        for source in self.sources:
            if name.startswith(f"{source.path}:"):
                return next(mutant for mutant in mutants(source) if mutant.name == name)
        raise LookupError(name)


def load(path: Path) -> Listing:
    """Read a listing: a Python file with SOURCES and EQUIVALENT."""
    spec = spec_from_file_location("mutation_listing", path)
    if spec is None or spec.loader is None:
        raise LookupError(str(path))
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return Listing(module.SOURCES, module.EQUIVALENT)


def due(mutant: Mutant, part: int, parts: int) -> bool:
    """Whether a mutant is in a part of all; each is in exactly one, whatever others there are."""
    return (int(hashlib.sha256(mutant.name.encode()).hexdigest()[:8], 16) + part) % parts == 0
