"""Tests of tails."""
