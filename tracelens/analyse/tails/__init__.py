"""Tails of cost and latency: who pays, what the tail is made of, and since when."""
