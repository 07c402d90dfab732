"""Members from a list: find out who is new and who is known, then make the new ones.

A list never changes a known member. A newcomer who waits for approval with the same phone is taken
over, as by any other way of adding a member. A list gives no passwords: members with a phone log in
by code, the others get a password from an operator.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from store.changes import Changes, Part
from store.errors import InvalidRequest, MemberExists, Unavailable
from store.hotspot.parts import Hotspot
from store.lists import read_people
from store.members import Members, fold, valid_email, valid_text
from store.phones import normal_phone, valid_phone

MOST_MEMBERS = 2_000
"""Of one list: some seconds of work, so that the page that sent it hears how it went."""

NO_PASSWORD_YET = "!list"  # noqa: S105
"""A hash that no password fits, and another than a newcomer's: these were let in by an operator."""

STEP = 250
"""People per round trip."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of a list; `email` or `phone` may be empty, not both."""

    line: int
    name: str
    email: str
    phone: str

    @property
    def login(self) -> str:
        """What the member is kept under; a phone alone has an address nobody else could want."""
        return self.email or f"{self.phone.lstrip('+')}@hotspot.invalid"


@dataclass(frozen=True, slots=True)
class MemberList:
    """A list as it was understood: whom it names, and the lines left out, each with a reason."""

    people: list[Person]
    skipped: list[tuple[int, str]]
    columns: dict[str, str]


@dataclass(frozen=True, slots=True)
class Sorted:
    """The people of a list, sorted: new ones, newcomers that wait for approval, and known
    members."""

    new: list[Person]
    waiting: list[Person]
    known: list[Person]


def read_members(data: bytes | str) -> MemberList:
    """Read a list of members from a file or a pasted text; blocking, for a thread.

    Raises InvalidRequest for a list that is not understood, is empty or too long.
    """
    found = read_people(
        data, needed=(["name"], ["phone", "email"]), known=("name", "phone", "email")
    )
    people: list[Person] = []
    skipped, seen = list(found.skipped), set[str]()
    for line in found.lines:
        try:
            person = _person(line.number, line.cells)
        except InvalidRequest as error:
            skipped.append((line.number, error.message))
            continue
        logins = {fold(one) for one in (person.email, person.phone) if one}
        if seen & logins:
            skipped.append((line.number, "Nomor atau email yang sama sudah ada di daftar ini."))
        else:
            people.append(person)
        seen |= logins
    if not people:
        raise InvalidRequest(
            "file", "Tidak ada baris dengan nomor HP atau email yang dapat dipakai."
        )
    if len(people) > MOST_MEMBERS:
        raise InvalidRequest("file", f"Daftar paling banyak {MOST_MEMBERS} anggota sekali kirim.")
    return MemberList(people, sorted(skipped), found.columns)


def _person(line: int, cells: Mapping[str, str]) -> Person:
    phone = valid_phone("phone", cells.get("phone", ""))
    email = cells.get("email", "")
    if not phone and not email:
        raise InvalidRequest("phone", "Tidak ada nomor HP atau email.")
    name = valid_text("name", cells["name"], 100)
    return Person(line, name, valid_email(email) if email else "", phone)


class MemberLists(Part):
    """What becomes of the people of a list."""

    def __init__(self, changes: Changes, members: Members, hotspot: Hotspot) -> None:
        super().__init__(changes)
        self._members = members
        self._hotspot = hotspot

    async def sort(self, people: Sequence[Person]) -> Sorted:
        """Return who is new; changes nothing. Raises Unavailable."""
        found = Sorted([], [], [])
        for at in range(0, len(people), STEP):
            for person, has_login, holder in await self._seen(people[at : at + STEP]):
                is_waiting = bool(holder) and await self._is_newcomer(person)
                if is_waiting and (not has_login or not person.email):
                    found.waiting.append(person)
                elif has_login or holder:
                    found.known.append(person)
                else:
                    found.new.append(person)
        return found

    async def _seen(self, people: Sequence[Person]) -> list[tuple[Person, bool, str]]:
        async with self._redis.pipeline(transaction=False) as pipe:
            for person in people:
                pipe.exists(self._keys.login(fold(person.login)))
                pipe.hget(self._keys.hotspot_phones(), normal_phone(person.phone) or "")
            pipe.exists(self._keys.built())
            *replies, built = await pipe.execute()
        if not built:
            raise Unavailable()
        return [
            (person, bool(has_login), str(holder or ""))
            for person, has_login, holder in zip(people, replies[::2], replies[1::2], strict=True)
        ]

    async def _is_newcomer(self, person: Person) -> bool:
        holder = await self._hotspot.newcomers.holder(normal_phone(person.phone))
        return bool(holder.newcomer_keys)

    async def make(self, people: Sequence[Person]) -> list[str]:
        """Make members of them; returns the new ids. Who has come to be known meanwhile is left
        alone, so a list that was cut short may be sent again."""
        made = []
        for person in people:
            try:
                added = await self._members.add(
                    email=person.login,
                    password_hash=NO_PASSWORD_YET,
                    name=person.name,
                    phone=person.phone,
                    in_hurry=False,
                )
            except MemberExists:
                continue
            made.append(added.member.id)
        if made and self._hotspot.routers.has_any:
            # one pass for all of them, and not a job for each before somebody's login code
            await self._hotspot.routers.sync_all()
        return made
