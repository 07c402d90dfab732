"""`scripts/bench`: what the product costs and how fast it is, measured from outside.

`machine.py` reads the kernel's accounts and pins processes to cores. `client.py` is one client
process, `clients.py` commands several. `product.py` and `peers/` are what is measured, behind one
interface (`subject.py`). `measures/` hold one measure each; `report.py` and `plot.py` show them.
"""
