"""The pages in a real browser: whole without a network, readable for all, journeys that end."""
