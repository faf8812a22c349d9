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
    """All mutants of the sources, the reason for each one that may survive, and tests to leave out."""

    sources: tuple[Source, ...]
    equivalent: Mapping[str, str] = field(default_factory=dict[str, str])
    slow: tuple[str, ...] = ()

    def all(self) -> tuple[Mutant, ...]:
        """Every mutant of every source."""
        return tuple(mutant for source in self.sources for mutant in mutants(source))


def load(path: Path) -> Listing:
    """Read a listing: a Python file with SOURCES, EQUIVALENT and SLOW."""
    spec = spec_from_file_location("mutation_listing", path)
    if spec is None or spec.loader is None:
        raise LookupError(str(path))
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return Listing(module.SOURCES, module.EQUIVALENT, module.SLOW)


def due(mutant: Mutant, part: int, parts: int) -> bool:
    """Whether a mutant is in a part of all; each is in exactly one, whatever others there are."""
    return (int(hashlib.sha256(mutant.name.encode()).hexdigest()[:8], 16) + part) % parts == 0
