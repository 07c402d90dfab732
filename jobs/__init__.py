"""What happens later: the log's second reader, periodic work, and whatever needs the outside."""
