"""Tests of tracelens.policy."""
