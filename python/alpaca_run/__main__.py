"""``python -m alpaca_run …`` runs the program."""

import os
import subprocess
import sys

from . import RunError
from ._program import find


def main() -> int:
    """Run the program with the arguments of this process, and return its exit code."""
    try:
        command = [find(), *sys.argv[1:]]
    except RunError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if os.name == "posix":
        # Signals and the exit code are those of the program.
        os.execv(command[0], command)
    with subprocess.Popen(command) as child:
        try:
            return child.wait()
        except KeyboardInterrupt:
            # Ctrl-C reaches the program too, which saves the run and then ends.
            return child.wait()


if __name__ == "__main__":
    sys.exit(main())
