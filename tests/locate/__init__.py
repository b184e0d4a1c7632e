"""Tests of tracelens.locate."""
