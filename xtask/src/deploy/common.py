"""What the checks of this folder share: where the checkout is, which settings exist, and how to run a program."""

import os
import pathlib
import re
import signal
import subprocess
import sys

sys.dont_write_bytecode = True
# Told to end, as after too long a time: as by Ctrl-C, so that programs in hand are ended, all is tidied up, and the report says where it stood.
signal.signal(signal.SIGTERM, signal.default_int_handler)

ROOT = pathlib.Path(os.environ.get("ROOT") or pathlib.Path(__file__).resolve().parents[3])

# `OUTCROP__SECTION__FIELD`, wherever it stands in a text.
SETTING = re.compile(r"\bOUTCROP__[A-Z0-9]+(?:_[A-Z0-9]+)*(?:__[A-Z0-9]+(?:_[A-Z0-9]+)*)*")


def settings() -> set[str]:
    """The environment's names of all settings, from the table of docs/configuration.md, which a test keeps complete."""
    names = re.findall(r"^\| `([a-z0-9_.]+)` \|", (ROOT / "docs/configuration.md").read_text(), re.MULTILINE)
    if len(names) < 50:
        raise AssertionError(f"docs/configuration.md's table has changed its form: {len(names)} settings found")
    return {"OUTCROP__" + name.replace(".", "__").upper() for name in names}


def setting_names(text: str) -> set[str]:
    """All `OUTCROP__…` names in a text."""
    return set(SETTING.findall(text))


def unknown_settings(names) -> list[str]:
    """Those of the names that begin with `OUTCROP__` and are no setting; other names are nobody's business here."""
    known = settings()
    return sorted({name for name in names if name.startswith("OUTCROP__") and name not in known})


def run(args, **more) -> str:
    """What a program printed to its standard output; raises with all that it printed if it ends unsuccessfully.

    `more` goes to subprocess.run: `cwd`, `env`, `input`, `timeout`.
    """
    args = [str(arg) for arg in args]
    done = subprocess.run(args, capture_output=True, text=True, check=False, **more)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(args)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def say(text: str) -> None:
    """One line for the one who reads the check's report, at once."""
    print(text, flush=True)
