"""Tests of the questions asked of judged requests."""
