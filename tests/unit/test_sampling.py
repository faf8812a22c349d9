"""The sample of heavy matrices: every test has its turn, and nothing that guards a change is ever left out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sampling import MATRICES, due


@given(
    st.sampled_from(sorted(MATRICES)), st.text("abc_[]-0123", min_size=1, max_size=20), st.integers(700_000, 800_000)
)
def test_every_test_of_a_matrix_has_its_turn(start: str, name: str, day: int) -> None:
    node = f"{start}test_x.py::test_{name}"
    assert sum(due(node, day + later) for later in range(MATRICES[start])) == 1


def test_what_guards_a_change_always_runs() -> None:
    for node in ("tests/guard/test_list.py::test_x", "tests/unit/test_approvals.py::test_x",
                 "tests/integration/test_headless_production.py::test_x"):  # fmt: skip
        assert all(due(node, day) for day in range(700_000, 700_010))
