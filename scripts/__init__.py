"""The commands around the product: running it, testing it, and caring for its data."""
