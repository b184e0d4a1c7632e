"""Plotly figures of finished values, in the colours of a palette."""

from tracelens.show.figures.concentration import concentration_chart
from tracelens.show.figures.different import different_chart
from tracelens.show.figures.export import can_picture, pictures, print_page
from tracelens.show.figures.heat import Box, heat_chart
from tracelens.show.figures.higher import higher_charts, not_drawn, said_of
from tracelens.show.figures.look import Chart
from tracelens.show.figures.trend import trend_chart
from tracelens.show.figures.what_if import Bill, what_if_chart

__all__ = [
    "Bill",
    "Box",
    "Chart",
    "can_picture",
    "concentration_chart",
    "different_chart",
    "heat_chart",
    "higher_charts",
    "not_drawn",
    "pictures",
    "print_page",
    "said_of",
    "trend_chart",
    "what_if_chart",
]
