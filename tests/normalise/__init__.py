"""Tests of tracelens.normalise."""
