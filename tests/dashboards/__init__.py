"""Tests of the pages: scripts without a browser first, whole journeys in one after."""
