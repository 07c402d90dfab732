"""What is said: one module for each kind of live address and the news that it carries."""
