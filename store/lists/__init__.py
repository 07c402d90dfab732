"""Lists of people as they are kept: CSV of any kind and spreadsheets, for pupils and members."""

from store.lists.guards import guarded, unguarded
from store.lists.people import Line, People, read_people

__all__ = ["Line", "People", "guarded", "read_people", "unguarded"]
