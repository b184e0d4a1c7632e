"""Plotly figures of finished values, in the colours of a palette."""
