"""Tests of tracelens.show.figures."""
