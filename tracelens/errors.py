"""Every error that tracelens raises on purpose, and the exit code that each ends with.

TracelensError
├── UsageError            2   wrong usage: an option, a path or a value that cannot work
│   ├── PolicyError       2   the policy file says something impossible
│   ├── QueryError        2   a query that is refused or does not run
│   └── InputError        2   an input that leaves nothing to do
│       └── LimitError    2   an input beyond a limit of the policy
├── NotFoundError         4   an id, or a store, that does not exist
├── Cancelled           130   somebody stopped the question before it was answered
└── StoreError            5   the store is busy, damaged, or newer than this version
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What the process ends with; part of the contract."""

    DONE = 0
    GATE_FAILED = 1
    USAGE = 2
    PARTLY_LOADED = 3
    NOT_FOUND = 4
    STORE = 5
    INTERRUPTED = 130


class TracelensError(Exception):
    """Base of all errors a caller may want to catch; the message names thing, value and way out."""

    exit_code: ExitCode = ExitCode.USAGE


class UsageError(TracelensError):
    """An option, path or value that cannot work."""


class PolicyError(UsageError):
    """The policy file says something impossible or unknown."""


class QueryError(UsageError):
    """A query that is refused (it would write) or that the database could not run."""


class InputError(UsageError):
    """An input that leaves nothing to do, named with what it looks like."""


class LimitError(InputError):
    """An input beyond a limit of the policy."""


class NotFoundError(TracelensError):
    """An id or a store that does not exist."""

    exit_code = ExitCode.NOT_FOUND


class Cancelled(TracelensError):  # noqa: N818 - it is no mistake of anybody's
    """The question was stopped before it was answered."""

    exit_code = ExitCode.INTERRUPTED


class StoreError(TracelensError):
    """The store is busy, damaged, or written by a newer version."""

    exit_code = ExitCode.STORE
