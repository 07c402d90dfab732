"""`scripts/run`: the whole product on one's own machine, with every outside thing embedded.

`__main__.py` is the run from start to stop; `parts.py` lists the outside things, `home.py` is the
directory where everything is kept, `run_file.py` says where everything is, and `screen.py` prints.
"""
