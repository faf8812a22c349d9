"""Which files this process took in: all but the interpreter's own library and packages belongs to the plan."""

import functools
import os
import site
import sys
import sysconfig
from pathlib import Path

# What is read there is the state of a machine, no file of anybody's.
_KERNEL = ("/proc/", "/sys/", "/dev/")
# Nothing of the project's is read from there: see `take_no_byte_code`.
_CACHE = os.sep + "__pycache__" + os.sep
_DIANA = str(Path(__file__).absolute().parent)

opened = set()
made = set()


@functools.lru_cache
def library():
    """Prefixes of the interpreter's own library and site-packages, and of Diana's programs, as spelled and as real.

    Asked for before the project's code has run, and kept: that code could say otherwise. A folder that is merely called
    site-packages, in the project or anywhere else, is none of them.
    """
    paths = sysconfig.get_paths()
    places = [paths[name] for name in ("stdlib", "purelib", "platlib")]
    places += [str(Path(os.__file__).parent), *site.getsitepackages(), _DIANA]
    if site.ENABLE_USER_SITE:
        places.append(site.getusersitepackages())
    places += [os.path.realpath(place) for place in places]
    return tuple(sorted({str(Path(place).absolute()) + os.sep for place in places}))


def watch_files():
    """Remember the files that are opened for reading, but for the interpreter's own: settings, .env, modules, SQL.

    A file that this process made or emptied itself says nothing that its code did not say.
    """
    known = library()

    def seen(event, arguments):
        if event != "open" or not isinstance(arguments[0], (str, bytes)):
            return
        path = spelled(os.fsdecode(arguments[0]))
        if path.startswith(known) or _CACHE in path:
            return
        flags = arguments[2] or 0
        new = flags & os.O_CREAT and not os.path.lexists(path)
        if new or (flags & os.O_TRUNC and os.access(path, os.W_OK)):
            made.add(path)
        elif flags & (os.O_WRONLY | os.O_RDWR) != os.O_WRONLY and path not in made:
            opened.add(path)

    sys.addaudithook(seen)


def take_no_byte_code():
    """Let imports read byte code of the interpreter's own packages only; everything else is compiled from its source.

    A `.pyc` in a project's `__pycache__` may say something else than the source that was read, shown and hashed: its
    header is all that Python compares. Besides, what was imported from there was not seen to be opened.
    """
    known = library()

    def seen(event, arguments):
        if event != "open" or not isinstance(arguments[0], (str, bytes)):
            return
        path = os.fsdecode(arguments[0])
        if _CACHE in path and not path.startswith(known):
            raise FileNotFoundError(path)

    sys.addaudithook(seen)


def loaded_files(root, besides=()):
    """Every file, but for `besides`, that this process imported or read; see `named`. Sorted."""
    paths = opened | {
        spelled(module.__file__)
        for module in list(sys.modules.values())
        if isinstance(getattr(module, "__file__", None), str)
    }
    without = {os.path.realpath(str(path)) for path in besides}
    files = (path for path in paths if _is_file(path) and os.path.realpath(path) not in without)
    return sorted({named(path, root) for path in files if not _of_others(path, root)})


def searched(root):
    """Folders and archives outside the project that modules may still be imported from; see `named`. In their order."""
    places = [spelled(entry or os.curdir) for entry in sys.path if os.access(entry or os.curdir, os.R_OK)]
    names = dict.fromkeys(named(place, root) for place in places if not _of_others(place, root))
    return [name for name in names if Path(name).is_absolute() or Path(name).parts[:1] == (os.pardir,)]


def named(path, root):
    """A path from the project's root, its links kept, with `..` for the rest of the repository; else the path itself.

    The repository begins at the nearest `.git` at or above the root.
    """
    base, place = _repository(root), Path(path)
    for folder in [*reversed(place.parents), place]:
        if _real(folder) == str(base):
            return os.path.relpath(str(base / place.relative_to(folder)), str(root))
    real = Path(os.path.realpath(path))
    return os.path.relpath(str(real), str(root)) if base in real.parents else path


def spelled(path):
    """A path made absolute with its links kept; `..` is what the system takes it for, the parent of a link's target."""
    parts = Path(path).parts
    if os.pardir in parts:
        last = len(parts) - parts[::-1].index(os.pardir)
        path = Path(os.path.realpath(str(Path(*parts[:last]))), *parts[last:])
    return str(Path(path).absolute())


def _of_others(path, root):
    """Whether a path is the interpreter's or the kernel's; a link in the repository is not, wherever it leads today."""
    if (path + os.sep).startswith(library()) or path.startswith(_KERNEL):
        return True
    return Path(named(path, root)).is_absolute() and (os.path.realpath(path) + os.sep).startswith(library())


def _is_file(path):
    return os.access(path, os.F_OK) and Path(path).is_file()


@functools.lru_cache(maxsize=4096)
def _real(folder):
    return os.path.realpath(str(folder))


@functools.lru_cache
def _repository(root):
    return next((folder for folder in (root, *root.parents) if (folder / ".git").exists()), root)
