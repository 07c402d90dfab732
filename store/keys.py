"""Every Redis name, with its type and lifetime; nothing else spells one.

Names of one member carry the tag `{m:<id>}`, so they stay together when Redis is split.
"""

from __future__ import annotations

TOMBSTONE_SECONDS = 25 * 3600
"""How long an ended session's reason is kept: at least 24 h (CONTRACT §4), an hour to spare."""


class Keys:
    """The names under one prefix."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix

    # The event log and what is known of its readers

    def events(self) -> str:
        """Stream: the event log. Entries `type`, `data`. Trimmed behind the persist cursor."""
        return f"{self.prefix}:events"

    def persisted(self) -> str:
        """String: id of the last event that Postgres holds; a copy for metrics and trimming."""
        return f"{self.prefix}:events:persisted"

    def tick(self) -> str:
        """String `1`: written so that a WAIT has something to wait for. For good."""
        return f"{self.prefix}:events:tick"

    def epoch(self) -> str:
        """String `<turn>-<random>`: which history this Redis tells (store/continuity.py)."""
        return f"{self.prefix}:epoch"

    def broken(self) -> str:
        """String: how Redis and Postgres were seen to part; gone when that is mended."""
        return f"{self.prefix}:epoch:broken"

    def built(self) -> str:
        """String `1`: members are in Redis. Absent after Redis was emptied, or was seen to be an
        older copy: refuse, and rebuild."""
        return f"{self.prefix}:built"

    # What the queue's Redis holds of ours

    def heartbeats(self) -> str:
        """Hash: `role:host:pid` of a worker or scheduler → JSON `{at, ahead}`: when it last gave a
        sign of life by Redis's time, and how far its clock is ahead. A day after the last."""
        return f"{self.prefix}:heartbeats"

    # Members

    def member(self, member_id: str) -> str:
        """Hash: the member's row (see `store.members.Member`). Lives until deleted."""
        return f"{self.prefix}:{{m:{member_id}}}:member"

    def login(self, name: str) -> str:
        """String: id of the member who logs in by this e-mail or username (already folded)."""
        return f"{self.prefix}:login:{name}"

    def contact(self, member_id: str, kind: str) -> str:
        """String: what a member wishes to be reached by and has not proven yet: `email` as JSON
        `{value, nonce}`, half an hour; `phone` as it is, OTP_TTL_SECONDS."""
        return f"{self.prefix}:{{m:{member_id}}}:contact:{kind}"

    # Sessions

    def sessions(self, member_id: str) -> str:
        """Hash: `<sid>` → JSON of a live session, `<sid>:seen` → its last activity (ms), `web` →
        sid of the one web session, `device:<id>` → sid of a phone's session, `card:<id>` → JSON of
        a device, `attempt:<device>` → JSON of a login that waits for a word from the live device,
        `refused:<device>` → until when it said no (ms), `frozen:at` → when a kicked device said
        "not me" (ms), `epoch` → number of logins so far. Lives as long as the member."""
        return f"{self.prefix}:{{m:{member_id}}}:sessions"

    def clocks(self) -> str:
        """Sorted set: `member:sid` by the moment (ms) its next clock may run out."""
        return f"{self.prefix}:clocks"

    def ended(self, member_id: str) -> str:
        """Hash: `sid → JSON` tombstone. Each kept TOMBSTONE_SECONDS; pruned by the next end."""
        return f"{self.prefix}:{{m:{member_id}}}:ended"

    def told(self, member_id: str) -> str:
        """Hash: `sid:tab → 1` for each returning client that was told its end once (SSE, 204)."""
        return f"{self.prefix}:{{m:{member_id}}}:told"

    def ticket(self, member_id: str, digest: str) -> str:
        """String JSON: a checked password waiting to be used, 60 s, single use."""
        return f"{self.prefix}:{{m:{member_id}}}:ticket:{digest}"

    def receipt(self, kick_id: str) -> str:
        """Hash `targeted delivered acked`: what became of a logout. One hour."""
        return f"{self.prefix}:receipt:{kick_id}"

    def reached(self, kick_id: str) -> str:
        """Set: the sessions of a logout that had a tab open somewhere. One hour."""
        return f"{self.prefix}:receipt:{kick_id}:reached"

    # QR requests

    def qr(self, request_id: str) -> str:
        """String JSON: a desktop's request to be let in by a phone. Until five minutes after its
        end. Codes and the browser's secret are in it as digests only."""
        return f"{self.prefix}:qr:{request_id}"

    def qr_open(self) -> str:
        """Sorted set: ids of requests that wait, by the moment (ms) at which they expire."""
        return f"{self.prefix}:qr:open"

    def qr_browser(self, digest: str) -> str:
        """Sorted set: ids of one browser's open requests, by deadline (ms). As long as the last."""
        return f"{self.prefix}:qr:browser:{digest}"

    # Limits; names of one subject carry the tag `{l:<subject>}`

    def turns(self, subject: str) -> str:
        """String: turns that a subject (`otp:phone:62…`, `qr:<address>`) took in its window."""
        return f"{self.prefix}:limit:{{l:{subject}}}:turns"

    def tries(self, subject: str) -> str:
        """Hash: `wrong` → how many of a subject's tries in its window were, and for each that is
        under way its own name → until when (ms) it counts."""
        return f"{self.prefix}:limit:{{l:{subject}}}:tries"

    def locked(self, subject: str) -> str:
        """String: present while a subject has to wait; its TTL is the wait."""
        return f"{self.prefix}:limit:{{l:{subject}}}:locked"

    def strikes(self, subject: str) -> str:
        """String: how often a subject was locked lately; each doubles the next wait. One day."""
        return f"{self.prefix}:limit:{{l:{subject}}}:strikes"

    # The audit

    def refusals(self) -> str:
        """Hash: refusals of the window that is running, by act, member and source → how many. At
        most 61 fields; five minutes."""
        return f"{self.prefix}:audit:refusals"

    # Attendance; names of one meeting carry the tag `{t:<id>}`

    def meeting(self, meeting_id: str) -> str:
        """Hash: the meeting (see `store.attendance.meetings.Meeting`). Lives until deleted."""
        return f"{self.prefix}:{{t:{meeting_id}}}:meeting"

    def meetings(self) -> str:
        """Sorted set: every meeting's id by its start (ms)."""
        return f"{self.prefix}:meetings"

    def meeting_ends(self) -> str:
        """Sorted set: ids of meetings that are still to be closed, by their end (ms)."""
        return f"{self.prefix}:meetings:ends"

    def roster(self, meeting_id: str) -> str:
        """Hash: student id → JSON `{name, class}` of those who may fill in. Absent: everybody."""
        return f"{self.prefix}:{{t:{meeting_id}}}:roster"

    def attendances(self, meeting_id: str, day: str) -> str:
        """Hash: student id → JSON of the attendance; the gate of students. Day's end + 48 h."""
        return f"{self.prefix}:{{t:{meeting_id}}}:{day}:students"

    def attendance_devices(self, meeting_id: str, day: str) -> str:
        """Hash: device id → student id; the gate of devices. Day's end + 48 h."""
        return f"{self.prefix}:{{t:{meeting_id}}}:{day}:devices"

    def attendances_revoked(self, meeting_id: str, day: str) -> str:
        """Set: ids of attendances taken back; their cookies count no more. Day's end + 48 h."""
        return f"{self.prefix}:{{t:{meeting_id}}}:{day}:revoked"

    def attendance_attempts(self, meeting_id: str, day: str) -> str:
        """List: JSON of refused attempts, oldest first, at most 1,000. Day's end + 48 h."""
        return f"{self.prefix}:{{t:{meeting_id}}}:{day}:attempts"

    def attendance(self, attendance_id: str) -> str:
        """String `meeting day student`: where an attendance is found. Day's end + 48 h."""
        return f"{self.prefix}:attendance:{attendance_id}"

    def familiar_devices(self, meeting_id: str) -> str:
        """Hash: device id → the student who used it last. 60 days after its last change."""
        return f"{self.prefix}:{{t:{meeting_id}}}:familiar"

    # Payments

    def payment(self, delivery_id: str, state: str) -> str:
        """String `1`: this delivery is in the log, as what it was when it came. One hour."""
        return f"{self.prefix}:payment:{delivery_id}:{state}"

    def payment_order(self, ref: str) -> str:
        """String JSON: how far an order is, for its buyer's page. 30 days."""
        return f"{self.prefix}:payment:order:{ref}"

    def password_link(self, digest: str) -> str:
        """String `member stamp`: who may set a password by the link that was mailed, as long as the
        member's row has that stamp. 72 h."""
        return f"{self.prefix}:payment:password:{digest}"

    def licence(self, digest: str) -> str:
        """Hash: a licence and the device that holds it (see `store.payments.licences`). Lives as
        long as the licence; the name is a digest of the key."""
        return f"{self.prefix}:licence:{digest}"

    def licence_by_id(self, licence_id: int | str) -> str:
        """String: the digest under which the licence with this id is found."""
        return f"{self.prefix}:licence:id:{licence_id}"

    # Hotspot

    def hotspot(self, member_id: str) -> str:
        """Hash: the member's hotspot account (see `store.hotspot.Account`); for each router
        `settled:<router>`, the status it agrees with, `settled_set:<router>`, for which
        `device_set` of theirs, `look:<router>`, the counters last seen, and
        `clean:<router>` while they are to be deleted. Lives until the member is deleted."""
        return f"{self.prefix}:{{m:{member_id}}}:hotspot"

    def hotspot_days(self, member_id: str) -> str:
        """Hash: day (`YYYY-MM-DD`, the house's own) → bytes used on it; the last 31 with any."""
        return f"{self.prefix}:{{m:{member_id}}}:hotspot:days"

    def hotspot_slots(self, member_id: str) -> str:
        """Hash: slot id → JSON of a device. Lives as long as the account."""
        return f"{self.prefix}:{{m:{member_id}}}:hotspot:slots"

    def hotspot_accounts(self) -> str:
        """Set: ids of all members with a hotspot account."""
        return f"{self.prefix}:hotspot:accounts"

    def hotspot_phones(self) -> str:
        """Hash: phone (`628…`) → member id."""
        return f"{self.prefix}:hotspot:phones"

    def hotspot_macs(self) -> str:
        """Hash: MAC → `member:slot` that has it."""
        return f"{self.prefix}:hotspot:macs"

    def hotspot_packages(self) -> str:
        """Hash: package id → JSON. Lives for ever."""
        return f"{self.prefix}:hotspot:packages"

    def hotspot_leaving(self) -> str:
        """Hash: member id → since when (ms) they are to be deleted, once the router is clean."""
        return f"{self.prefix}:hotspot:leaving"

    def hotspot_waiting(self) -> str:
        """Hash: member id → JSON of a device that waits for a router that is away. One day."""
        return f"{self.prefix}:hotspot:waiting"

    def hotspot_runs(self) -> str:
        """List: JSON of the engine's runs, newest first, at most 400."""
        return f"{self.prefix}:hotspot:runs"

    def hotspot_router(self, router: str) -> str:
        """Hash: what a router's last runs saw, each value JSON; `away_since` while it is away."""
        return f"{self.prefix}:hotspot:router:{router}"

    def hotspot_away(self, router: str) -> str:
        """String: a router was found to be away a moment ago. 15 seconds."""
        return f"{self.prefix}:hotspot:router:{router}:away"

    def hotspot_presence(self, digest: str) -> str:
        """String JSON: a proof of presence that is under way, by its token's digest. 2 minutes."""
        return f"{self.prefix}:hotspot:presence:{digest}"

    def hotspot_presence_users(self) -> str:
        """Hash: name of a user made for a proof → JSON `router until`, until it is gone again."""
        return f"{self.prefix}:hotspot:presences"

    def hotspot_overview(self) -> str:
        """String JSON: how many accounts are in each status, for the operator's page. Two seconds,
        longer where counting takes long."""
        return f"{self.prefix}:hotspot:overview"

    def hotspot_preflight(self, router: str) -> str:
        """String JSON: names of the profiles a router was last seen to have. 15 minutes."""
        return f"{self.prefix}:hotspot:router:{router}:preflight"

    def hotspot_lease(self, router: str) -> str:
        """String: token of whoever may write to a router; its TTL is the lease's."""
        return f"{self.prefix}:hotspot:router:{router}:lease"

    def hotspot_lease_wanted(self, router: str) -> str:
        """String: somebody in a hurry waits for a router's lease. One second."""
        return f"{self.prefix}:hotspot:router:{router}:wanted"

    def hotspot_fence(self, router: str) -> str:
        """String: the last token given for a router. Lives for ever."""
        return f"{self.prefix}:hotspot:router:{router}:fence"

    def awaited(self) -> str:
        """Channel: names of keys that were written just now, for whoever waits for one of them."""
        return f"{self.prefix}:awaited"

    def hotspot_answer(self, question: str) -> str:
        """String JSON: what a job answers to a page. Five minutes."""
        return f"{self.prefix}:hotspot:answer:{question}"

    def hotspot_handover(self, digest: str) -> str:
        """String JSON `member sid`: a link that carries a login to another browser, once. 300 s."""
        return f"{self.prefix}:hotspot:handover:{digest}"

    def hotspot_arrived(self, sid: str) -> str:
        """String `1`: this session was opened by such a link. One hour."""
        return f"{self.prefix}:hotspot:arrived:{sid}"

    def hotspot_registration(self, phone: str) -> str:
        """String: the name of who wishes to be let in with a phone not proven yet. One hour."""
        return f"{self.prefix}:hotspot:registration:{phone}"

    def hotspot_captive(self, address: str) -> str:
        """String JSON: what a router said of the device at an address. Five seconds."""
        return f"{self.prefix}:hotspot:captive:{address}"

    def hotspot_captive_turn(self, address: str) -> str:
        """String `1`: somebody is asking a router for this address. Five seconds at most."""
        return f"{self.prefix}:hotspot:captive:{address}:turn"

    def otp(self, phone: str) -> str:
        """Hash `code tries`: HMAC of the code that was sent to a phone, or to `<phone>:<device>`
        for a browser that was its member's before. OTP_TTL_SECONDS."""
        return f"{self.prefix}:otp:{phone}"

    def otp_sending(self, ticket: str) -> str:
        """String `sent` or `failed`: what became of a code, by its ticket. OTP_TTL_SECONDS."""
        return f"{self.prefix}:otp_sending:{ticket}"

    def otp_gateway(self) -> str:
        """String `failing`: the gateway took nothing from us. A quarter of an hour."""
        return f"{self.prefix}:otp_gateway"
