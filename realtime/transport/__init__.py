"""Bytes to and from a client: heads, frames, messages, and the write side. It decides nothing."""
