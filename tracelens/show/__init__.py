"""Finished values to text, tables, JSON and markdown; no queries here."""
