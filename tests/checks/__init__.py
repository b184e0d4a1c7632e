"""Tests of tracelens.checks."""
