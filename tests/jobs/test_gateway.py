"""The message gateway over a real socket: what counts as sent, what is kept of a no, its forms."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs

import pytest
import rq
from rq.serializers import JSONSerializer

from jobs import messages
from jobs.messages.gateway import send
from jobs.messages.outbox import RETRY, TEXTS, MessageSender
from jobs.persist.reader import LogReader
from store.hotspot.leases import Lease
from store.opening import Store, open_store
from store.queue import queue_redis
from store.settings import Settings, SettingsError
from tests.gateway import gateway, refusing, with_gateway

PHONE = "6281234567890"

YES = {"status": True, "id": ["80367170"]}


async def become(store: Store, *statuses: str) -> str:
    """A member who had a package once, and what the router agreed to since."""
    member = await store.members.create(
        email="s@jaga.test", password_hash="x", phone="081234567890"
    )
    async with store.hotspot.leases.taken("utama") as lease:
        assert isinstance(lease, Lease)
        for at, status in enumerate(statuses):
            await store.hotspot.ledger.settle("utama", member.id, status, at, lease)
    await LogReader(store).run()
    return member.id


async def rows(store: Store) -> list[dict[str, Any]]:
    return await store.database.fetch(b"SELECT * FROM message_outbox ORDER BY id")


async def hurry(store: Store) -> None:
    async with store.database.connection() as connection:
        await connection.execute(b"UPDATE message_outbox SET due_at = now()")
        await connection.execute(b"UPDATE outbox_pause SET until = now()")


SENT, RESTS, DEAD, WAITS = "sent", "the outbox rests", "dead", "waits"


@pytest.mark.parametrize(
    ("answer", "then", "words"),
    [
        (YES, SENT, ""),
        ({"status": False, "reason": "insufficient quota"}, RESTS, "insufficient quota"),
        ({"status": False, "reason": "invalid token a-secret-token"}, RESTS, "invalid token …"),
        ({"status": False, "reason": "target invalid"}, DEAD, "target invalid"),
        ({"status": False, "reason": "hm"}, WAITS, "hm"),
        ({"status": False}, WAITS, "status: False"),
        ({"status": "true"}, WAITS, "status: true"),
        ('{"status": false, "reason": "hm", "status": true}', RESTS, "hm"),
        ({"status": 1}, WAITS, "status: 1"),
        ("<html>502</html>", RESTS, "<html>502</html>"),
        ("", RESTS, "bukan jawaban"),
        ("[]", RESTS, "bukan jawaban"),
        ({"Status": "ok"}, RESTS, "bukan jawaban"),
        ((401, {"reason": "who"}), RESTS, "HTTP 401 who"),
        ((302, ""), RESTS, "HTTP 302"),
        ((500, "x"), RESTS, "HTTP 500"),
        ((422, {"detail": "nomor tidak valid"}), DEAD, "HTTP 422 nomor tidak valid"),
    ],
    ids=str,
)
async def test_only_an_answer_that_says_yes_counts_as_sent(
    store: Store, environment: dict[str, str], answer: Any, then: str, words: str
) -> None:
    await become(store, "aktif", "habis")
    async with gateway(answer) as asked:
        settings = Settings.from_environment(with_gateway(environment, asked.port))
        async with open_store(settings) as other:
            assert await MessageSender(other).run() == (then == SENT)
        assert len(asked.asked) == 1
    (row,) = await rows(store)
    trouble = await store.messages.trouble()
    assert (trouble is not None) is (then == RESTS)
    if then == RESTS:
        assert (row["state"], row["attempts"]) == ("queued", 0)
        assert trouble is not None and words in trouble["words"]
    else:
        assert row["state"] == {SENT: "sent", DEAD: "dead", WAITS: "queued"}[then]
        assert row["attempts"] == 1
    assert words in (row["error"] or "") and "a-secret-token" not in (row["error"] or "")
    (message,) = await store.messages.list()
    assert (message["to"], message["last_error"]) == ("081234567890", row["error"] or "")


async def test_a_message_is_tried_so_often_then_given_up_and_may_be_sent_again(
    store: Store, environment: dict[str, str]
) -> None:
    await become(store, "aktif", "habis")
    async with gateway({"status": False, "reason": "hm"}) as asked:
        settings = Settings.from_environment(with_gateway(environment, asked.port))
        async with open_store(settings) as other:
            for _ in range(len(RETRY.seconds) + 2):
                await MessageSender(other).run()
                await hurry(store)
            assert await store.messages.counts() == {
                "queued": 0, "sent": 0, "dead": 1, "overtaken": 0
            }  # fmt: skip
            asked.answers = [(200, YES)]
            assert await store.messages.resend_dead() == 1
            assert await MessageSender(other).run() == 1
    assert len(asked.asked) == len(RETRY.seconds) + 2


async def test_one_that_the_gateway_blames_us_for_holds_the_others_up_for_one_rest_only(
    store: Store, environment: dict[str, str]
) -> None:
    await become(store, *("aktif", "habis") * 2)
    async with gateway({"status": False, "reason": "limit for this text"}, YES) as asked:
        settings = Settings.from_environment(with_gateway(environment, asked.port))
        async with open_store(settings) as other:
            await MessageSender(other).run()
            async with store.database.connection() as connection:
                await connection.execute(b"UPDATE outbox_pause SET until = now()")
            await MessageSender(other).run()
    first, _, second = await rows(store)
    assert (first["kind"], second["kind"]) == ("habis", "habis")
    assert second["sent_at"] < first["sent_at"]


async def test_what_time_has_overtaken_is_not_sent(
    store: Store, environment: dict[str, str]
) -> None:
    """The quota ran out at night, and in the morning a package was bought."""
    member = await become(store, "aktif", "habis")
    package = await store.hotspot.packages.make("Mingguan", 2**30, 7, False, None)
    await store.hotspot.accounts.approve(member, True)
    await store.hotspot.quota.give(member, package.id)
    async with store.hotspot.leases.taken("utama") as lease:
        assert isinstance(lease, Lease)
        await store.hotspot.ledger.settle("utama", member, "aktif", 10, lease)
    await store.hotspot.ledger.notice(member, "quota_low", "of another package")
    await LogReader(store).run()
    async with gateway(YES) as asked:
        settings = Settings.from_environment(with_gateway(environment, asked.port))
        async with open_store(settings) as other:
            assert await MessageSender(other).run() == 1
    assert [parse_qs(body)["message"] for _, _, body in asked.asked] == [[TEXTS["aktif"]]]
    assert {(row["kind"], row["state"]) for row in await rows(store)} == {
        ("habis", "overtaken"),
        ("quota_low", "overtaken"),
        ("aktif", "sent"),
    }


@pytest.mark.parametrize(
    ("more", "wanted"),
    [
        (
            {},
            {"target": PHONE, "countryCode": "62"},
        ),
        (
            {
                "OTP_HTTP_HEADERS": '{"X-Key": "{token}", "Content-Type": "application/json"}',
                "OTP_HTTP_BODY": '{"to": "{phone_plus}", "type": "text", '
                '"text": {"body": "{text}"}}',
                "OTP_HTTP_SUCCESS": "messages.0.id",
            },
            {"to": f"+{PHONE}", "type": "text"},
        ),
        (
            {
                "OTP_HTTP_METHOD": "GET",
                "OTP_HTTP_HEADERS": "{}",
                "OTP_HTTP_SUCCESS": "code=200",
                "PATH": "?to={phone_local}&key={token}&text={text}",
            },
            {"to": "081234567890", "key": "a-secret-token"},
        ),
        (
            {
                "OTP_HTTP_HEADERS": '{"Content-Type": "text/xml"}',
                "OTP_HTTP_BODY": "<sms><to>{phone}</to><text>{text}</text></sms>",
                "OTP_HTTP_SUCCESS": "result=queued",
            },
            {},
        ),
    ],
    ids=["Fonnte", "JSON", "address", "XML"],
)
async def test_any_gateway_may_be_described(
    environment: dict[str, str], more: dict[str, str], wanted: dict[str, str]
) -> None:
    text = 'Kode "12" & <34>\nbaris\\ {phone} =%+ \u200b🙂'
    answer = YES | {"messages": [{"id": "x"}], "code": 200, "result": "queued"}
    async with gateway(answer) as asked:
        changed = with_gateway(environment, asked.port, **more)
        changed["OTP_HTTP_URL"] += changed.pop("PATH") if "PATH" in more else ""
        await send(Settings.from_environment(changed), PHONE, text)
    ((first, headers, body),) = asked.asked
    if first.startswith("GET"):
        found = {
            name: value for name, (value,) in parse_qs(first.split()[1].partition("?")[2]).items()
        }
        said = found["text"]
    elif "json" in headers["content-type"]:
        found = json.loads(body)
        said = json.loads(body)["text"]["body"]
        assert headers["x-key"] == "a-secret-token"
    elif "xml" in headers["content-type"]:
        assert "&quot;12&quot; &amp; &lt;34&gt;" in body and body.count("<to>") == 1
        return
    else:
        found = {name: value for name, (value,) in parse_qs(body).items()}
        said = found["message"]
        assert headers["authorization"] == "a-secret-token"
    assert said == text
    assert {name: found[name] for name in wanted} == wanted


@pytest.mark.parametrize(
    "more",
    [
        {"OTP_HTTP_BODY": "target={phone}"},
        {"OTP_HTTP_BODY": "message={text}"},
        {"OTP_HTTP_BODY": "target={phone}&message={text}&x={password}"},
        {"OTP_HTTP_HEADERS": "Authorization: x"},
        {"OTP_HTTP_HEADERS": '{"Authorization": 1}'},
        {"OTP_HTTP_HEADERS": '{"X-Text": "{text}"}'},
        {"OTP_HTTP_HEADERS": '{"Content-Type": "multipart/form-data"}'},
        {"OTP_HTTP_HEADERS": '{"Content-Type": "application/json"}'},
        {"OTP_HTTP_HEADERS": '{"Content-Type": "text/plain", "content-type": "text/xml"}'},
        {"OTP_HTTP_HEADERS": '{"X\\r\\nY": "a"}'},
        {"OTP_HTTP_METHOD": "DELETE"},
        {"OTP_HTTP_METHOD": "GET"},
        {"OTP_HTTP_SUCCESS": "=true"},
        {"OTP_HTTP_URL": "https://{phone}.example/?t={text}"},
        {"OTP_HTTP_TOKEN": "a\nb"},
    ],
    ids=str,
)
def test_a_form_that_cannot_work_stops_the_start(
    environment: dict[str, str], more: dict[str, str]
) -> None:
    with pytest.raises(SettingsError, match="OTP_HTTP"):
        Settings.from_environment(environment | more)


async def test_a_code_that_was_not_taken_is_withdrawn_and_costs_nothing_of_the_hour(
    store: Store, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with gateway({"status": False, "reason": "insufficient quota"}) as asked:
        for name, value in with_gateway(environment, asked.port).items():
            monkeypatch.setenv(name, value)
        for _ in range(8):  # five an hour are allowed
            issued = await store.hotspot.otp.issue(PHONE, "203.0.113.9")
            assert issued.code, "the one before was withdrawn"
            await messages.send_code(PHONE, issued.code)
            assert await store.hotspot.otp.is_unsent(issued.ticket)
        trouble = await store.messages.trouble()
        assert trouble is not None and trouble["words"] == "insufficient quota"
        asked.answers = [(200, YES)]
        issued = await store.hotspot.otp.issue(PHONE, "203.0.113.9")
        await messages.send_code(PHONE, issued.code)
    assert not await store.hotspot.otp.is_unsent(issued.ticket)
    assert await store.messages.trouble() is None
    await store.hotspot.otp.use(PHONE, issued.code, "203.0.113.9", opens=True)


async def test_the_page_that_waits_for_a_code_hears_that_it_was_not_sent(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same for a phone that is nobody's, for which nothing was ever asked."""
    async with refusing(environment, monkeypatch, "invalid token") as (site, asked):
        tickets = []
        for phone in ("081234567890", "081299999999"):
            asking = {"phone_number": phone}
            answer = await site.browser().post("/api/auth/request-otp", asking)
            tickets.append(answer.json["ticket"])
        browser = site.browser()
        for ticket in tickets:
            assert (await browser.get(f"/api/auth/otp/{ticket}")).json["state"] == "waiting"
        await _work_off_codes(site.store)
        for ticket in tickets:
            told = (await browser.get(f"/api/auth/otp/{ticket}")).json
            assert told["state"] == "failed" and "Kirim ulang" in told["message"]
        assert len(asked.asked) == 1


async def _work_off_codes(store: Store) -> None:
    """As a worker would, in this process."""
    connection = queue_redis(store.settings)
    queue = rq.Queue("urgent", connection=connection, serializer=JSONSerializer)
    for job in queue.jobs:
        if job.func_name == "jobs.messages.send_code":
            await messages.send_code(*job.args)
        job.delete()
    connection.close()
