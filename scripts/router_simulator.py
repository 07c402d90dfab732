"""`python -m scripts.router_simulator`: the MikroTik router of scripts/simulator/, by itself."""

from __future__ import annotations

import sys

from scripts.simulator.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
