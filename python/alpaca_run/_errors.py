"""The exception of this package."""

from __future__ import annotations

from typing import Optional


class RunError(Exception):
    """A run, a table or the program cannot be used.

    The text is the sentence that the program prints, followed by its hints.
    ``exit_code`` is the exit code of the program, or None if it was not started.
    """

    def __init__(self, message: str, exit_code: Optional[int] = None) -> None:
        super().__init__(message)
        self.exit_code = exit_code
