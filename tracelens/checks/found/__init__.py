"""One file per check; each defines CHECK and is found by being here."""
