"""Letters: mails that tell a member what happened to the account.

An event carries them, so that a change and its letter cannot part: the persist job owes the mail in
the transaction that applies the event (`jobs/persist/letters.py`). No secret is in one; a link or a
code is made when the mail goes out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from store.changes import Changes


@dataclass(frozen=True, slots=True)
class Letter:
    """One letter: its template in `jobs/mail/templates`, and what that needs besides the member's
    name and the moment."""

    template: str
    to: str = ""
    """The address; "" for the one that the member has."""
    phone: str = ""
    """A number that is told by a short message as well; "" for none."""
    said: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> str:
        """Return it as a script hands it on."""
        return json.dumps(asdict(self), ensure_ascii=False)


class Letters:
    """Letters about what changes no state."""

    def __init__(self, changes: Changes) -> None:
        self._announce = changes.announce

    async def owe(self, member_id: str, letter: Letter) -> None:
        """Owe a letter to a member. To nobody ("") it costs the same, and none is written."""
        await self._announce("letter.owed", {"member": member_id, "letter": asdict(letter)})
