"""Commands for whoever works on the project itself; nothing here is needed to run it."""
