"""Bytes to and from a client: heads, frames, messages, the write path. Knows no session."""
