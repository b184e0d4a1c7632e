"""Tests of what is different about some requests."""
