"""How this process is, for whoever watches it: `/healthz`, `/readyz`, `/metrics`."""
