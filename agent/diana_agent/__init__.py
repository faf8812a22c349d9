"""Who talks and who decides: the loop, the guard, the journal and the faces."""

__version__ = "0.1.0"
