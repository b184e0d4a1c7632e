"""Benchmarks: each prints counts or ratios against baselines measured in the same run."""
