"""What-ifs: replays under caps, routes and budgets."""
