"""Tests: the same folders as the package, and a few over everything."""
