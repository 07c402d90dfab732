"""Long-lived connections, and the process that holds them."""
