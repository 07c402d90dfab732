"""What becomes of mails when a server says no, over a real socket: each kind of answer, a quota,
a mail that is at fault itself, and a password that is not sent in clear."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import replace
from typing import Any

import pytest
import trustme
from redis.exceptions import ConnectionError as RedisAway

from jobs.mail import outbox as mail_outbox
from jobs.mail.outbox import PATIENCE, RETRY, MailSender
from store import outboxes
from store.errors import Unavailable
from store.mails import owe
from store.opening import Store
from tests.mail_server import mail_server

TO = "siti@example.com"

WAITS, RESTS, DEAD, WAITS_LONG = "waits", "the run rests", "dead", "waits long"

ANSWERS = [
    ("CONTENT", "554 5.7.0 The limit on the number of outgoing messages was exceeded.", RESTS),
    ("CONTENT", "550 5.7.0 too many emails per second", RESTS),
    ("CONTENT", "550 The from address does not match a verified Sender Identity", RESTS),
    ("CONTENT", "550 5.7.26 Unauthenticated email from jaga.test is not accepted", RESTS),
    ("CONTENT", "554 5.6.0 Message content rejected", WAITS),
    ("CONTENT", "552 5.3.4 Message size exceeds fixed limit", WAITS),
    ("CONTENT", "550 5.4.5 Daily user sending limit exceeded", RESTS),
    ("CONTENT", "554 Transaction failed", WAITS),
    ("CONTENT", "452 4.3.1 try later", WAITS),
    ("CONTENT", "550 5.1.1 <siti@example.com> no such user here", DEAD),
    ("RCPT", "530 5.7.57 Client not authenticated", RESTS),
    ("RCPT", "554 5.7.1 Service unavailable; Client host [203.0.113.9] blocked", RESTS),
    ("RCPT", "554 5.7.1 <siti@example.com>: Relay access denied", RESTS),
    ("RCPT", "550 5.7.1 <siti@example.com>: Sender address rejected: not owned by user", RESTS),
    ("RCPT", "550 5.1.8 <x@y>: Sender address rejected: Domain not found", RESTS),
    ("RCPT", "550 relay not permitted", RESTS),
    ("RCPT", "550 rejected because 203.0.113.9 is in a black list at zen.spamhaus.org", RESTS),
    ("RCPT", "450 4.7.1 Client host rejected: cannot find your reverse hostname", RESTS),
    ("RCPT", "421 4.7.0 Try again later, closing connection", RESTS),
    ("RCPT", "451 4.7.1 Greylisting, please come back", WAITS),
    ("RCPT", "450 4.2.1 The user is receiving mail at a rate that is too fast", WAITS),
    ("RCPT", "550 5.1.1 User unknown", DEAD),
    ("RCPT", "550 5.1.1 <siti@example.com>: Recipient address rejected: "
     "User unknown in relay recipient table", DEAD),
    ("RCPT", "550 5.2.1 Mailbox disabled", DEAD),
    ("RCPT", "550 5.7.1 <siti@example.com>: Recipient address rejected: Access denied", DEAD),
    ("RCPT", "550 5.7.1 <siti@example.com>: user has been blocked", DEAD),
    ("RCPT", "550 5.7.1 The mailbox of siti@example.com is suspended", DEAD),
    ("RCPT", "550 5.7.1 Your account has been suspended", RESTS),
    ("RCPT", "550 5.7.1 Sender blocked: user has been blocked", RESTS),
    ("RCPT", "550 5.7.1 User has been blocked from sending", RESTS),
    ("RCPT", "550 5.7.1 <siti@example.com>: your IP address has been blocked", RESTS),
    ("RCPT", "550 no such user", DEAD),
    ("RCPT", "553 mailbox name not allowed", DEAD),
    ("RCPT", "552 5.2.2 Mailbox full", WAITS_LONG),
    ("RCPT", "552 exceeded storage allocation", WAITS_LONG),
    ("RCPT", "550 User has exceeded mailbox quota", WAITS_LONG),
    ("MAIL", "550 5.7.1 sender not allowed", RESTS),
    ("MAIL", "451 4.3.0 later", RESTS),
    ("AUTH", "535 5.7.8 Error: authentication failed", RESTS),
    ("EHLO", "550 5.7.1 who are you", RESTS),
    ("CONNECT", "554 5.7.1 no service for 203.0.113.9", RESTS),
]  # fmt: skip


async def owed(store: Store, key: str, recipient: str = TO, **more: Any) -> None:
    payload: dict[str, Any] = {
        "name": "Siti",
        "device": "HP",
        "ip": "203.0.113.7",
        "is_primary": False,
    }
    payload |= {"at": "2026-03-22T09:15:20+07:00"} | more
    async with store.database.connection() as connection:
        await owe(connection, key=key, template="ponsel_baru", recipient=recipient, payload=payload)


async def rows(store: Store) -> list[dict[str, Any]]:
    return await store.database.fetch(
        b"SELECT *, extract(epoch FROM next_at - now())::float8 AS wait,"
        b" claimed_until > now() AS is_claimed FROM email_outbox ORDER BY id"
    )


async def execute(store: Store, query: bytes) -> None:
    async with store.database.connection() as connection:
        await connection.execute(query)


async def minutes_pass(store: Store) -> None:
    """The rest is over; nothing else has changed."""
    await execute(store, b"UPDATE outbox_pause SET until = now()")


async def run(store: Store, url: str) -> int:
    return await MailSender(replace(store, settings=replace(store.settings, smtp_url=url))).run()


@pytest.mark.parametrize(("at", "answer", "then"), ANSWERS)
async def test_what_follows_from_an_answer(store: Store, at: str, answer: str, then: str) -> None:
    async with mail_server(answers={at: [answer] * 2}) as server:
        await owed(store, "one")
        await owed(store, "two", "budi@example.com")
        url = server.url.replace("//", "//who:secret@") if at == "AUTH" else server.url
        sent = await run(store, url)
    first, second = await rows(store)
    trouble = await store.mails.trouble()
    assert not first["is_claimed"]
    # what stands there is what the server said, in its words
    assert answer[4:] in first["last_error"]
    if then == RESTS:
        assert trouble is not None and answer[4:] in trouble["words"]
        assert (sent, first["state"], first["attempts"], second["attempts"]) == (0, "queued", 0, 0)
        return
    assert trouble is None
    if then == DEAD:
        assert first["state"] == "dead"
    else:
        assert (first["state"], first["attempts"]) == ("queued", 1)
        least = 2_800 if then == WAITS_LONG else RETRY.seconds[0] * 0.79
        assert least < first["wait"] < (4_400 if then == WAITS_LONG else RETRY.seconds[0] * 1.21)
    # the one behind it was asked for itself, and answered alike
    assert second["state"] == first["state"]


async def test_a_quota_for_an_hour_costs_no_attempt_and_then_all_arrive_in_order(
    store: Store,
) -> None:
    refusal = "554 5.7.0 outgoing limit exceeded"
    for number in range(12):
        await owed(store, f"m{number:02}", f"m{number:02}@example.com")
    is_over = False
    async with mail_server(decide=lambda at, line: None) as server:
        server.decide = lambda at, line: refusal if at == "CONTENT" and not is_over else None
        for _ in range(8):
            assert await run(store, server.url) == 0
            trouble = await store.mails.trouble()
            assert trouble is not None
            asked = len(server.said)
            # while it rests nobody is asked
            assert await run(store, server.url) == 0 and len(server.said) == asked
            await execute(store, b"UPDATE outbox_pause SET since = now() - interval '1 second' * 0")
            await minutes_pass(store)
        assert {row["attempts"] for row in await rows(store)} == {0}
        assert server.got == []
        is_over = True
        assert await run(store, server.url) == 12
        got = [str(mail["To"]) for mail in server.got]
    assert [to.partition("<")[2] for to in got] == [f"m{n:02}@example.com>" for n in range(12)]
    assert len({str(mail["Message-ID"]) for mail in server.got}) == 12
    assert await store.mails.trouble() is None
    assert await store.mails.counts() == {"queued": 0, "sent": 12, "dead": 0}


async def test_a_rest_grows_and_is_bounded(store: Store) -> None:
    await owed(store, "one")
    rests = []
    async with mail_server(decide=lambda at, line: "535 no" if at == "AUTH" else None) as server:
        for _ in range(7):
            await run(store, server.url.replace("//", "//who:secret@"))
            (row,) = await store.database.fetch(
                b"SELECT extract(epoch FROM until - now())::float8 AS seconds FROM outbox_pause"
            )
            rests.append(round(row["seconds"] / 60))
            await minutes_pass(store)
    assert rests == [1, 2, 4, 8, 15, 15, 15]


async def test_a_mail_that_only_seems_to_be_our_fault_holds_the_others_up_for_a_while_only(
    store: Store,
) -> None:
    """Spam filters say "policy" and mean one mail: the next one is asked, and decides."""
    await owed(store, "odd", "odd@example.com")
    await owed(store, "two", "two@example.com")
    await owed(store, "three", "three@example.com")

    def decide(at: str, line: str) -> str | None:
        is_odd = at == "CONTENT" and "odd@example.com" in line
        return "550 5.7.1 blocked due to policy" if is_odd else None

    async with mail_server(decide=decide) as server:
        for _ in range(PATIENCE):
            assert await run(store, server.url) == 0
            await minutes_pass(store)
        assert await run(store, server.url) == 2
    odd, *others = await rows(store)
    assert (odd["state"], odd["attempts"]) == ("queued", 1) and odd["wait"] > 10
    assert {row["state"] for row in others} == {"sent"}
    assert await store.mails.trouble() is None


async def test_several_mails_that_seem_to_be_our_fault_are_not_in_the_way_for_good(
    store: Store,
) -> None:
    """An order owes two mails to one odd address, and a whole school may have odd addresses."""
    for number in range(7):
        await owed(store, f"odd{number}", f"odd{number}@example.com")
    await owed(store, "good", "good@example.com")

    def decide(at: str, line: str) -> str | None:
        is_odd = at == "CONTENT" and "<odd" in line
        return "550 5.7.1 blocked due to policy" if is_odd else None

    rests = 0
    async with mail_server(decide=decide) as server:
        while not await run(store, server.url):
            rests += 1
            assert rests < 10, "the good mail waits behind the odd ones"
            await minutes_pass(store)
    *odd, good = await rows(store)
    assert good["state"] == "sent"
    assert {(row["state"], row["attempts"]) for row in odd} == {("queued", 1)}


async def test_many_that_fail_in_one_outage_make_one_rest(store: Store) -> None:
    """Two workers, or fifty members who ask for a code in the same bad minute."""
    for _ in range(50):
        await store.messages.rest("HTTP 502")
    rest = await store.messages.resting()
    assert rest is not None and rest.failures == 1
    assert rest.until - rest.since < outboxes.FIRST_SECONDS + 5


async def test_a_quota_is_still_one_when_the_next_mail_is_asked_too(store: Store) -> None:
    await owed(store, "one")
    await owed(store, "two")
    async with mail_server(
        decide=lambda at, line: "550 5.7.0 quota exceeded" if at == "CONTENT" else None
    ) as server:
        for _ in range(PATIENCE + 2):
            assert await run(store, server.url) == 0
            await minutes_pass(store)
    assert {(row["state"], row["attempts"]) for row in await rows(store)} == {("queued", 0)}
    assert await store.mails.trouble() is not None


@pytest.mark.parametrize(
    ("recipient", "more"),
    [
        ("a@example.com, b@example.com", {}),
        ("=?utf-8?q?a=40b.c=2C?=@example.com", {}),
        ("siti@example.com\r\nBcc: x@example.com", {}),
        ("bukan alamat", {}),
        ("siti@example.com", {"at": "yesterday"}),
        ("siti@example.com", {"name": {"an": "object"}}),
        ("siti@example.com", {"is_primary": None, "ip": ["\x01"]}),
    ],
)
async def test_one_that_cannot_be_written_fails_alone(
    store: Store, recipient: str, more: dict[str, Any]
) -> None:
    await owed(store, "odd", recipient, **more)
    await owed(store, "good", "good@example.com")
    async with mail_server() as server:
        await run(store, server.url)
        assert server.got[-1]["To"].addresses[0].addr_spec == "good@example.com"
        assert all(len(mail["To"].addresses) == 1 for mail in server.got)
        assert not any("Bcc" in mail for mail in server.got)
    odd, good = await rows(store)
    assert good["state"] == "sent"
    assert odd["state"] in ("dead", "sent") and (odd["state"] == "sent" or odd["last_error"])
    assert await store.mails.trouble() is None


async def test_redis_being_away_is_no_fault_of_a_mail_that_needs_a_link(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with store.database.connection() as connection:
        await owe(
            connection,
            key="k",
            template="pendaftaran_member",
            recipient=TO,
            payload={"name": "Siti", "username": TO},
        )

    async def away(*_: object) -> None:
        raise RedisAway("gone")

    monkeypatch.setattr(type(store.members), "find", away)
    async with mail_server() as server:
        with pytest.raises(Unavailable):
            await run(store, server.url)
    (row,) = await rows(store)
    assert (row["state"], row["attempts"]) == ("queued", 0)


async def test_a_server_that_is_away_is_asked_once_and_costs_no_attempt(store: Store) -> None:
    for key in "abc":
        await owed(store, key)
    async with mail_server() as server:
        gone = server.url
    assert await run(store, gone) == 0
    assert {(row["state"], row["attempts"]) for row in await rows(store)} == {("queued", 0)}
    trouble = await store.mails.trouble()
    assert trouble is not None and "Error connecting" in trouble["words"]


async def test_lines_that_break_one_after_the_other_are_the_servers_doing(store: Store) -> None:
    for key in "abc":
        await owed(store, key)
    async with mail_server(decide=lambda at, line: "" if at == "CONTENT" else None) as server:
        assert await run(store, server.url) == 0
    assert [row["attempts"] for row in await rows(store)] == [1, 0, 0]
    assert await store.mails.trouble() is not None


async def test_a_lease_ends_soon_and_a_killed_workers_mail_goes_again(store: Store) -> None:
    await owed(store, "one")
    assert mail_outbox.LEASE_SECONDS <= 60
    async with mail_server() as server:
        hanging = asyncio.Event()

        def hang(at: str, line: str) -> str | None:
            if at == "CONTENT":
                hanging.set()
            return None

        server.decide = hang
        server.answers["MAIL"] = ["250 ok"]
        task = asyncio.create_task(run(store, server.url))
        await hanging.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await execute(store, b"UPDATE email_outbox SET claimed_until = now()")
        await run(store, server.url)
        assert len({str(mail["Message-ID"]) for mail in server.got}) == 1
    assert [row["state"] for row in await rows(store)] == ["sent"]


async def test_a_password_is_not_said_in_clear(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server does not offer STARTTLS; it stands for one across a network."""
    await owed(store, "one")
    monkeypatch.setattr("jobs.mail.smtp.is_this_machine", lambda host: False)
    async with mail_server() as server:
        url = server.url.replace("//", "//who:secret@")
        assert await run(store, url) == 0
        assert not any(line.startswith("AUTH") for line in server.said)
        trouble = await store.mails.trouble()
        assert trouble is not None and "STARTTLS" in trouble["words"]
        # without a password there is nothing to hide
        await minutes_pass(store)
        assert await run(store, server.url) == 1


async def test_to_this_machine_a_password_goes_over_whatever_tls_there_is(store: Store) -> None:
    await owed(store, "one")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("mail.test").configure_cert(tls)
    offers = {"EHLO": ["250-mail.test\r\n250-STARTTLS\r\n250 AUTH PLAIN"]}
    async with mail_server(tls=tls, answers=offers) as server:
        assert await run(store, server.url.replace("//", "//who:secret@")) == 1
        assert [line.split()[0] for line in server.said[:4]] == ["EHLO", "STARTTLS", "EHLO", "AUTH"]
