"""Short requests: pages and JSON. A handler reads, calls the store once, writes the answer."""
