"""What a unit of usage costs: prices of the policy, our own, and those of genai-prices."""

from tracelens.prices.table import PriceTable, price_table, prices_version

__all__ = ["PriceTable", "price_table", "prices_version"]
