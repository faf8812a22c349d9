"""A small distribution of a third party, laid out as an installer does: an adapter in a package, and its metadata."""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).parent
OFFERED = "\nADAPTER = ToyAdapter()\n"


def source() -> str:
    """The toy's adapter as a module that stands for itself."""
    text = (HERE / "toy_adapter.py").read_text("utf-8")
    return text.replace("from guard.toy import DOWN\n", 'DOWN = "-- down: "\n') + OFFERED


def install(
    site: Path, text: str = "", *, name: str = "Acme_Adapter", version: str = "1.4", package: str = "acme_adapter"
) -> Path:
    """Install it into a folder of the search path; `text` is its module, the toy's adapter unless given."""
    folder = site / package
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "adapter.py").write_text(text or source())
    (folder / "toy.py").write_text((HERE / "toy.py").read_text("utf-8"))
    info = site / f"{package}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "entry_points.txt").write_text(f"[diana.adapters]\ntoy = {package}.adapter:ADAPTER\n")
    (info / "RECORD").write_text("")
    return folder
