"""The hotspot engine: what every member's access is, and the router made to agree (CONTRACT §9)."""
