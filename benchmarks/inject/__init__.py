"""Simulates assistants, breaks them in one known place, and writes the spans that would be seen."""
