"""Tests of tracelens.requests."""
