"""What the product knows, and every way it may change; imports nothing of ours."""
