"""YAML without what can hurt: plain data types only, no merge keys, every failure a line number."""

from __future__ import annotations

import yaml

_MERGE = "tag:yaml.org,2002:merge"


class Broken(ValueError):
    """A text that is not YAML, or more of it than settings need; `line` is 1-based."""

    def __init__(self, line: int) -> None:
        self.line = line
        super().__init__(f"line {line}")


class _Loader(yaml.SafeLoader):
    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        # Merged lists of anchors multiply: a few hundred bytes would fill the memory.
        for key, _ in node.value:
            if key.tag == _MERGE:
                raise yaml.constructor.ConstructorError(None, None, "merge keys are not read", key.start_mark)
        super().flatten_mapping(node)


def parse(text: str) -> object:
    """The value of a YAML document.

    Raises:
        Broken: with the line where it ends to be readable.
        RecursionError: nested too deep.
    """
    loader = _Loader(text) if _readable(text) else None
    if loader is None:
        raise Broken(text.count("\n") + 1)
    try:
        value: object = loader.get_single_data()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise Broken(mark.line + 1 if mark else 1) from None
    # The constructors of numbers, dates and booleans trip over odd scalars with these.
    except (yaml.YAMLError, ValueError, TypeError, AttributeError, LookupError, ArithmeticError):
        raise Broken(loader.line + 1) from None
    finally:
        loader.dispose()
    return value


def _readable(text: str) -> bool:
    return yaml.reader.Reader.NON_PRINTABLE.search(text) is None
