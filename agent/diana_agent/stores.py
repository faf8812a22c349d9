"""The stores of the person's settings that may be used for the connected database."""

from __future__ import annotations

from diana_agent.run import Run
from diana_config.settings import Settings, StoreSetting
from diana_tools import registry
from diana_tools.domain import Address
from diana_tools.errors import SettingsError
from diana_tools.stores.base import Store


def usable_stores(run: Run, address: Address) -> tuple[Store, ...]:
    """Open every store that is not reserved for another database; opening contacts nothing.

    Raises:
        SettingsError: `store_kind_unknown`, or what the store says of its own settings.
    """
    return stores_for(run.settings, address)


def stores_for(settings: Settings, address: Address) -> tuple[Store, ...]:
    """The same for settings without a run.

    Raises:
        SettingsError: as `usable_stores`.
    """
    places = {"", address.database, address.name, address.place, f"{address.host}/{address.name}"}
    return tuple(opened(setting) for setting in settings.stores if setting.only in places)


def opened(setting: StoreSetting) -> Store:
    """One store of the settings, whatever database it is reserved for.

    Raises:
        SettingsError: as `usable_stores`.
    """
    opener = registry.stores().get(setting.kind)
    if opener is None:
        known = ", ".join(sorted(registry.stores()))
        raise SettingsError("store_kind_unknown", {"store": setting.name, "kind": setting.kind, "known": known})
    return opener(setting.name, setting.location, setting.remote, dict(setting.options))
