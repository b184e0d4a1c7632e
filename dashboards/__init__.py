"""The pages that `tracelens ui` shows: layout only, the library is reached through its API."""
