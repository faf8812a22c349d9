"""Which model talks in a session: never a remote one before it is known what that may see."""

from __future__ import annotations

from diana_agent.models.base import Model
from diana_agent.models.embedded import Embedded
from diana_agent.run import Run
from diana_agent.runtime import model_kind, open_model
from diana_agent.seeing import NOTHING, seen_in, settle, words

KINDS = ("embedded", "claude")


class Talker:
    """The model of a session, which a person may change in mid-run."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._settled = model_kind(run.settings, run.environ) == Embedded.name
        self.model = open_model(run)
        self.title = self._titled()
        """Who talks, and what it may see where it is a remote model."""

    @property
    def remote(self) -> bool:
        """Whether what is said leaves this machine."""
        return self.model.name != Embedded.name

    async def ready(self) -> Model:
        """The model for the next turn; before the first one of a remote model the person was asked.

        Raises:
            SettingsError: `state_unwritable`.
        """
        if not self._settled:
            await self._open_claude()
            self._settled = True
        return self.model

    async def change(self, kind: str) -> None:
        """Let another one of KINDS talk; who closed the question about what it may see is asked again.

        Raises:
            SettingsError: `model_needs_key`, `state_unwritable`.
        """
        if kind == Embedded.name:
            await self._use(open_model(self._run, kind))
        else:
            if self._run.sees == NOTHING:
                self._run.sees = ""
            open_model(self._run, kind)  # without a key there is nothing to ask
            await self._open_claude()
        self._settled = True

    async def _open_claude(self) -> None:
        known = seen_in(self._run)
        if known.said and known.sees == NOTHING:
            self._run.note("seeing.nothing", "warn", host=known.host, source=known.source)
        else:
            await settle(self._run)
        await self._use(open_model(self._run, "claude"))

    async def _use(self, model: Model) -> None:
        before, self.model = self.model, model
        self.title = self._titled()
        await before.close()

    def _titled(self) -> str:
        if not self.remote:
            return self.model.name
        what = words(seen_in(self._run).sees, self._run.catalogue)
        return self._run.catalogue.say("seeing.status", name=self.model.name, what=what)

    def say_who(self) -> None:
        """Tell the person who talks, where, and what may be seen there."""
        may = seen_in(self._run)
        if not self.remote:
            self._run.note("seeing.embedded")
            return
        what = words(may.sees, self._run.catalogue)
        self._run.note("seeing.now", name=self.model.name, host=may.host, what=what, source=may.source)
