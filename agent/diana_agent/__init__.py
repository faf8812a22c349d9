"""Who talks and who decides: the loop, the guard, the journal and the faces."""

from diana_agent import own_modules

__version__ = "0.1.0"

own_modules.leave_the_project()
