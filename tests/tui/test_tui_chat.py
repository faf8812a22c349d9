"""The chat draws the journal: top bar, steps, replies, cards, plan and halts; and its keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from textual.worker import WorkerFailed

from diana_agent import events as ev
from diana_agent.tui.app import ChatApp
from diana_agent.tui.feed import MOST_LINES
from diana_agent.tui.messages import Sent
from diana_agent.tui.widgets.human import Human
from diana_agent.tui.widgets.plan_card import PlanCard
from diana_agent.tui.widgets.reply import Reply
from diana_agent.tui.widgets.tool_card import ToolCard
from diana_agent.tui.widgets.top_bar import TopBar
from diana_config.errors import SettingsError
from diana_prompts.catalogue import Catalogue
from diana_tools.domain import Environment, Level, Loss, Unread
from diana_tools.errors import ConnectionFailed, DianaError
from tui import scenes as s
from tui.driving import SMALL, WIDE, Driven, driven, text_of
from tui.fake_talk import Act, Delta, Hold, Line


def cards(chat: Driven) -> list[ToolCard]:
    return list(chat.app.chat.query(ToolCard))


async def test_top_bar_names_database_first_and_production_is_marked() -> None:
    async with driven([s.begin()]) as chat:
        await chat.sees("PRODUCTION eu-prod")
        bar = chat.app.chat.query_one(TopBar)
        await chat.until(lambda: "billing  billing-api  › postgresql db.internal:5432" in bar.text)
        assert bar.has_class("-production")
        assert chat.app.chat.has_class("-production")


async def test_top_bar_of_a_small_terminal_keeps_database_and_environment() -> None:
    async with driven([s.begin()], (40, 12)) as chat:
        bar = chat.app.chat.query_one(TopBar)
        await chat.until(lambda: bar.text.split() == ["◆", "Diana", "billing", "PRODUCTION", "eu-prod"])


@pytest.mark.parametrize(
    ("name", "level", "badge"),
    [
        ("dev", Level.DEV, "dev"),
        ("qa", Level.STAGING, "qa"),
        ("production", Level.PRODUCTION, "PRODUCTION"),
        ("production (demo)", Level.PRODUCTION, "PRODUCTION (demo)"),
        ("eu", Level.PRODUCTION, "PRODUCTION eu"),
    ],
)
async def test_environment_badge(name: str, level: Level, badge: str) -> None:
    async with driven([s.begin(Environment(name, level))]) as chat:
        bar = chat.app.chat.query_one(TopBar)
        await chat.until(lambda: bar.text.endswith(f" {badge} "))
        assert bar.has_class("-production") is (level is Level.PRODUCTION)


async def test_steps_show_state_in_sign_and_word() -> None:
    scene: list[Act] = [
        *s.begin(),
        ev.StepEntered(step=4),
        ev.StepLeft(step=4, outcome="failed", seconds=1),
        ev.StepEntered(step=5),
        ev.StepLeft(step=5, outcome="skipped", seconds=0),
        ev.StepEntered(step=6),
        Hold(),
    ]
    async with driven([scene]) as chat:
        await chat.until(lambda: "●  6  Dry run" in chat.app.chat.rail.text)
        rail = chat.app.chat.rail.text
        for line in (
            "✓  2  Detect tool",
            "✗  4  Plan",
            "failed",
            "–  5  Back up",
            "skipped",
            "running",
            "○ 10  Complete",
        ):
            assert line in rail
        assert chat.app.chat.rail.outer_size.width == 29


async def test_a_question_marks_its_step_as_waiting() -> None:
    async with driven([[ev.StepEntered(step=7), s.YES_NO, Hold()]]) as chat:
        await chat.asked()
        await chat.until(lambda: "▲  7  Migrate" in chat.app.chat.rail.text)
        assert "asks you" in chat.app.chat.rail.text
        await chat.keys("escape")
        await chat.until(lambda: "●  7  Migrate" in chat.app.chat.rail.text)


async def test_narrow_terminals_have_one_line_of_steps_and_f2_brings_the_rail() -> None:
    async with driven([s.begin()], SMALL) as chat:
        await chat.sees("3/10 Connect")
        assert not chat.app.chat.rail.display
        await chat.pilot.press("f2")
        await chat.until(lambda: chat.app.chat.rail.display and not chat.app.chat.stepper.display)


async def test_replies_stream_into_one_block_and_end_as_the_journal_has_them() -> None:
    scene: list[Act] = [
        *(Delta(part) for part in ("Three *migr", "ations*\n\n- one\n", "- two")), Hold(),
        ev.ModelSaid(text="Three *migrations*\n\n- one\n- two\n\nThat is all.", model="embedded"),
    ]  # fmt: skip
    async with driven([scene]) as chat:
        await chat.sees("Three migrations", "• one", "• two")
        chat.talk.go_on.set()
        await chat.sees("That is all.")
        assert len(chat.app.chat.query(Reply)) == 1


async def test_a_reply_without_stream_is_drawn_from_the_journal() -> None:
    async with driven([[ev.ModelSaid(text="**Hello**", model="embedded")]]) as chat:
        await chat.sees("Hello")


async def test_tool_card_shows_six_lines_while_it_runs_and_folds_when_done() -> None:
    running: list[Act] = [
        s.asked("c", "backup", '{"to": "head"}'),
        *(Line(f"row {number}") for number in range(9)),
        Hold(),
    ]
    async with driven([[*running, s.answered("c", "backup", 72)]]) as chat:
        await chat.until(lambda: bool(cards(chat)) and "row 8" in cards(chat)[0].text)
        card = cards(chat)[0]
        assert [line.strip() for line in card.text.splitlines()[1:]] == [f"row {number}" for number in range(3, 9)]
        assert "to=head" in card.text
        assert "running" in card.text
        chat.talk.go_on.set()
        await chat.until(lambda: card.state == "done")
        await chat.until(lambda: "row" not in card.text)
        assert "1m 12s" in card.text
        await chat.pilot.press("ctrl+o")
        await chat.until(lambda: "row 0" in card.text and "row 8" in card.text)
        await chat.pilot.press("ctrl+o")
        await chat.until(lambda: "row" not in card.text)


async def test_a_failed_tool_stays_open_and_says_what_its_answer_says() -> None:
    answer = '{"status": "refused", "sentence": "Name a migration of the plan."}'
    async with driven(
        [[s.asked("c", "read_migration"), s.answered("c", "read_migration", ok=False, result=answer)]]
    ) as chat:
        await chat.sees("✗ read_migration", "refused", "Name a migration of the plan.")


async def test_output_of_fifty_thousand_lines_keeps_its_end_and_the_keyboard() -> None:
    flood: list[Act] = [s.asked("c", "backup"), *(Line(f"line {number}") for number in range(50_000)), Hold()]
    async with driven([flood]) as chat:
        await chat.pilot.press("h", "i")
        await chat.until(lambda: bool(cards(chat)) and "line 49999" in cards(chat)[0].text)
        assert chat.app.chat.prompt.text == "hi"
        await chat.pilot.press("ctrl+o")
        await chat.until(lambda: len(cards(chat)[0].text.splitlines()) == MOST_LINES + 1)


async def test_plan_table_has_counts_places_and_the_way_back() -> None:
    async with driven([[*s.begin(), *s.planned()]]) as chat:
        await chat.sees("MIGRATION PLAN  KL2V")
        plan = chat.app.chat.query_one(PlanCard).text
        for part in (
            "Pending Migrations: 3", "Current Schema Version: a41f77c0de01", "Target Schema Version: d902e1aa55c3",
            "Migrations to Apply", "drop_legacy_tokens", "The table legacy_tokens is", "line 14  DROP TABLE",
            "▲ loses 48,211 rows", "▲ loses 1,204 values", "90,412", "▲ loses data", "Way back", "none found",
        ):  # fmt: skip
            assert part in plan
        assert "▲ 48,211 rows" in chat.app.chat.rail.text


async def test_unread_and_uncounted_are_never_shown_as_safe() -> None:
    odd = replace(
        s.PLAN, findings=(replace(s.FINDINGS[0], loss=Loss(None, None, "timeout")),),
        unread=(Unread(s.PENDING[0].path, 3, "dynamic_sql", "op.execute(sql)", s.PENDING[0].id),),
    )  # fmt: skip
    async with driven([[ev.Planned(plan=odd)]]) as chat:
        await chat.sees("could not be read", "may lose data, not", "(timeout)", "op.execute(sql)", "▲ loses data")
        assert chat.shown.count("none found") == 1


@pytest.mark.parametrize("size", [(124, 40), (80, 24), (50, 20)])
async def test_plan_fits_every_width(size: tuple[int, int]) -> None:
    async with driven([[ev.Planned(plan=s.PLAN)]], size) as chat:
        await chat.sees("MIGRATION PLAN")
        card = chat.app.chat.query_one(PlanCard)
        assert max(line.cell_length for line in card.lines(card.size.width)) <= card.size.width
        assert "narrow_amount" in card.text


async def test_a_rehearsed_plan_replaces_the_same_plan() -> None:
    better = replace(s.PLAN, estimate=replace(s.PLAN.estimate, seconds=38.4, basis="rehearsal"))
    async with driven([[ev.Planned(plan=s.PLAN), ev.Planned(plan=better)]]) as chat:
        await chat.sees("38.4 s, measured in the rehearsal")
        assert len(chat.app.chat.query(PlanCard)) == 1


async def test_backup_rehearsal_change_and_verification_cards() -> None:
    async with driven([[*s.whole_run(), *s.migrated()]]) as chat:
        await chat.sees("4/4 checks passed")
        for part in (
            "backup-billing-20261124T093005Z-r1.dump", s.SHA[:32], "412.3 MB", "restored elsewhere and compared",
            "s3://backups-eu/", "rehearsal (with rows)", "rows 48,211 → 0", "Permit for apply, good once until",
            "✓ applied", "add_invoice_status", "alembic upgrade head",
        ):  # fmt: skip
            assert part in chat.shown
        await chat.until(lambda: "restored, proven" in " ".join(chat.app.chat.rail.text.split()))


async def test_a_failed_run_says_what_was_measured_and_halts_readably() -> None:
    async with driven([[*s.whole_run(), *s.failed()]]) as chat:
        await chat.sees("HALT", "nothing changed", "back to the earlier state, measured", "✗ failed", "/state/runs/p1")
        assert "✗  7  Migrate" in chat.app.chat.rail.text
        assert chat.app.exit_code == 7


async def test_unknown_reasons_are_shown_as_their_code() -> None:
    scene: list[Act] = [
        ev.Refused(verb="migrate", reason="moon_in_wrong_phase"),
        ev.Halted(reason="nobody_knows_why", exit_code=5),
        ev.Noted(message="no.such.message"),
    ]
    async with driven([scene]) as chat:
        await chat.sees("moon in wrong phase", "The guard said no to migrate", "nobody knows why", "no.such.message")
        assert chat.app.exit_code == 5


@pytest.mark.parametrize("said", [f"please type {s.PHRASE} now", "SKIP BACKUP ON billing"])
async def test_a_phrase_in_the_chat_is_said_to_confirm_nothing(said: str) -> None:
    async with driven([[ev.ModelSaid(text=said, model="claude")], [ev.ModelSaid(text="no", model="claude")]]) as chat:
        await chat.sees("confirms nothing")
        await chat.pilot.press(*"EXECUTE", "space", *"DESTRUCTIVE", "space", *"MIGRATIONS", "enter")
        await chat.until(lambda: chat.shown.count("confirms nothing") >= 2)
        assert chat.talk.replies == []


async def test_old_blocks_leave_the_screen() -> None:
    scene = [ev.UserSaid(text=f"message {number}") for number in range(700)]
    async with driven([scene]) as chat:
        await chat.sees("message 699")
        await chat.until(lambda: len(chat.app.chat.query(Human)) <= 600)
        assert "message 699" in chat.shown


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (SettingsError("project_missing", {"folder": "/nowhere"}), 2, "/nowhere"),
        (ConnectionFailed("moon_unreachable"), 5, "moon unreachable"),
    ],
)
async def test_a_talk_that_cannot_open_is_said_and_keeps_its_exit_code(
    error: DianaError, code: int, words: str
) -> None:
    def open_talk(person: object) -> object:
        raise error

    app = ChatApp(open_talk, Catalogue(), "shop")  # pyright: ignore[reportArgumentType]  # it never returns
    async with app.run_test(size=WIDE) as pilot:
        for _ in range(100):
            if app.exit_code:
                break
            await pilot.pause(0.02)
        await pilot.pause(0.05)
        shown = text_of(app.chat.transcript)
        assert words in shown
        assert "Nothing was changed" in shown
        await pilot.press("ctrl+q")
        await pilot.pause(0.05)
        assert app.return_value == code


async def play(app: ChatApp) -> None:
    async with app.run_test(size=WIDE) as pilot:
        while app.crash is None:
            await pilot.pause(0.02)


async def test_a_bug_ends_the_chat_and_is_raised_without_local_values() -> None:
    def open_talk(person: object) -> object:
        raise ValueError("a bug")

    app = ChatApp(open_talk, Catalogue(), "shop")  # pyright: ignore[reportArgumentType]  # it never returns
    with pytest.raises(WorkerFailed, match="a bug"):
        await play(app)
    assert isinstance(app.crash, ValueError)


@pytest.mark.parametrize("size", [(124, 40), (80, 24), (30, 10), (200, 60)])
async def test_every_size_draws_a_whole_run(size: tuple[int, int]) -> None:
    scene: Sequence[Act] = [*s.whole_run(), *s.migrated(), ev.Reported(path="docs/log.md")]
    async with driven([scene], size) as chat:
        await chat.sees("checks passed")
        await chat.pilot.resize_terminal(size[0] + 7, size[1] + 3)
        await chat.pilot.pause(0.05)
        chat.app.post_message(Sent("still here"))
        await chat.until(lambda: chat.talk.said == ["still here"])


@pytest.mark.parametrize("theme", ["diana-light", "diana-16", "textual-light", "ansi-dark", "nord"])
async def test_every_theme_has_the_colours_of_the_chat_and_of_its_questions(theme: str) -> None:
    async with driven([[*s.whole_run(), s.phrase_question()]]) as chat:
        chat.app.theme = theme
        await chat.asked()
        await chat.pilot.pause(0.05)
        assert "48,211" in chat.app.export_screenshot()


async def test_zero_leaves() -> None:
    async with driven([[]]) as chat:
        await chat.until(lambda: chat.app.talk is not None)
        await chat.pilot.press("0", "enter")
        await chat.until(lambda: chat.talk.closed)
        assert chat.talk.said == []
