"""Tests of tracelens.prices."""
