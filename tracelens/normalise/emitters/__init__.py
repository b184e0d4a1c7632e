"""One file per emitter; each defines EMITTER and is found by being here."""
