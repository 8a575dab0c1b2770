"""Networks for others: weights to give away, and other engines' formats."""
