"""One script for each page; the number in its name is its place in the menu."""
