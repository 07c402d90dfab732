"""`python -m scripts.lynk`: the webhook's deliveries, by hand.

    list [--status S] [--ref R]           what came, the newest first
    show ID [--body]                      one delivery, and what it was granted
    replay [ID …] [--status S] [--dry-run]   work deliveries off again; every effect is keyed
    send-sample [NAME] [--url URL] [--key K] [--new]   post a sample, signed as Lynk.id signs
    verify FILE --signature S             whether a body is signed under one of our keys
    reconcile orders.csv                  which orders of Lynk's export never came
    drain-spool                           carry what this machine's spool holds to the store

Keys are read from LYNK_MERCHANT_KEYS and never printed; a fingerprint tells one from another.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import re
import secrets
import sys
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from redis import RedisError

from store.admin import Admin
from store.errors import JagaError
from store.opening import Store, open_store
from store.payments.delivery import fingerprint, read, sign
from store.payments.inbox import MOST_ROWS, STATES
from store.settings import Settings, SettingsError

SAMPLES = Path(__file__).parent / "lynk_samples"

NAMES = {"01": "01_single_item", "03": "03_member_kei", "05": "05_test_event"}

SEND_SECONDS = 10.0

BY = "operator"
"""Who did it, in the audit."""

REF = re.compile(r"\b[0-9a-f]{32}\b")
"""A refId as Lynk prints it; the column of the export that holds it may be called anything."""

STATUSES = {"quarantine": "quarantined"}
"""What a person says for a state."""


class Failed(Exception):
    """What was asked for could not be done; the text is one line."""


Act = Callable[[Store, argparse.Namespace], Awaitable[int]]


def main(words: list[str] | None = None) -> int:
    """Do what the words say; returns the process's exit status."""
    asked = _parser().parse_args(words)
    try:
        return asyncio.run(_act(Settings.from_environment(), asked))
    except (Failed, SettingsError, JagaError, RedisError, OSError) as error:
        cause = error.__cause__ or error
        print(f"lynk: {' '.join(str(cause).split())}", file=sys.stderr)
        return 1


async def _act(settings: Settings, asked: argparse.Namespace) -> int:
    async with open_store(settings) as store:
        act: Act = asked.act
        return await act(store, asked)


async def _list(store: Store, asked: argparse.Namespace) -> int:
    rows = await store.payments.inbox.deliveries(
        state=_state(asked.status), ref=asked.ref, count=asked.limit
    )
    zone = ZoneInfo(store.settings.timezone)
    for row in rows:
        proof = "signed" if row["verified"] else "unsigned"
        print(
            f"{row['id']}  {_moment(row['received_at'], zone)}  {row['state']:<11}  {proof:<8}"
            f"  {row['deliveries']}x  {row['ref_id'] or '-'}  {row['reason']}".rstrip()
        )
    counts = await store.payments.inbox.counts()
    print(", ".join(f"{count} {state}" for state, count in counts.items() if count) or "empty")
    return 0


async def _show(store: Store, asked: argparse.Namespace) -> int:
    row, body = await store.payments.inbox.show(asked.id)
    if asked.body:
        sys.stdout.buffer.write(body)
        return 0
    zone = ZoneInfo(store.settings.timezone)
    order = row.pop("order") or {}
    for name, value in (row | {f"order {name}": value for name, value in order.items()}).items():
        said = _moment(value, zone) if name.endswith("_at") and value else value
        print(f"{name:<20} {said}")
    return 0


async def _replay(store: Store, asked: argparse.Namespace) -> int:
    """The plan of each is printed, whether it is carried out or not."""
    if not asked.ids and not asked.status:
        raise Failed("name deliveries, or a state with --status")
    ids = list(asked.ids) or [row["id"] async for row in _all_in(store, _state(asked.status))]
    done = 0
    for delivery_id in ids:
        plan = await store.payments.inbox.replay(delivery_id, dry_run=asked.dry_run)
        print(plan)
        done += plan.possible
        if plan.possible and not asked.dry_run:
            said = {"state": plan.state}
            await Admin(store).note(BY, "webhook.replay", delivery_id, ip="", detail=said)
    would = "would be replayed" if asked.dry_run else "replayed"
    print(f"{done} of {len(ids)} {would}")
    return 0


async def _all_in(store: Store, state: str) -> Any:
    """Every delivery in a state, page after page; "" for none."""
    before: int | None = None
    while state:
        rows = await store.payments.inbox.deliveries(state=state, before=before, count=MOST_ROWS)
        for row in rows:
            yield row
        if len(rows) < MOST_ROWS:
            return
        before = rows[-1]["place"]


async def _send_sample(store: Store, asked: argparse.Namespace) -> int:
    """Against our own server unless another address is named."""
    keys = store.settings.lynk_merchant_keys
    key = asked.key or (keys[0] if keys else "")
    body = (SAMPLES / f"{NAMES[asked.name]}.json").read_bytes()
    if asked.new:
        body = body.replace(read(body).ref.encode() or b"\0", secrets.token_hex(16).encode())
    delivery = read(body)
    headers = {"Content-Type": "application/json"}
    if key and delivery.ref:
        headers["X-Lynk-Signature"] = sign(delivery.amount, delivery.ref, delivery.message_id, key)
    url = asked.url or f"http://127.0.0.1:{store.settings.port}/webhook/lynk"
    status, answer = await asyncio.to_thread(_post, url, body, headers)
    print(f"{url}: {status} {answer}")
    if delivery.ref:
        print(f"order page: {store.settings.public_url}/order/{delivery.ref}")
    return 0 if status == 200 else 1


def _post(url: str, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
    if not url.startswith(("http://", "https://")):
        raise Failed("the address must begin with http:// or https://")
    request = urllib.request.Request(url, body, headers)  # noqa: S310 (checked above)
    try:
        with urllib.request.urlopen(request, timeout=SEND_SECONDS) as answer:  # noqa: S310
            return answer.status, answer.read(1000).decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read(1000).decode("utf-8", "replace")


async def _verify(store: Store, asked: argparse.Namespace) -> int:
    keys = store.settings.lynk_merchant_keys
    if not keys:
        raise Failed("LYNK_MERCHANT_KEYS is not set")
    body = await asyncio.to_thread(Path(asked.file).read_bytes)
    delivery = read(body, [asked.signature])
    found = delivery.key_that_signed(keys)
    if found is None:
        print(f"not signed under {', '.join(fingerprint(key) for key in keys)}")
        return 1
    print(f"signed under {found}: order {delivery.ref}, amount {delivery.amount}")
    return 0


async def _reconcile(store: Store, asked: argparse.Namespace) -> int:
    """Compare Lynk's export of orders with the inbox: the only way to find what never came."""
    refs = _refs_of(Path(asked.file))
    if not refs:
        raise Failed(f"{asked.file} holds no refId (32 lower-case hex digits)")
    known: dict[str, str] = {}
    for start in range(0, len(refs), 1000):
        known |= await store.payments.inbox.known_refs(refs[start : start + 1000])
    missing = [ref for ref in refs if ref not in known]
    unfinished = {ref: known[ref] for ref in refs if known.get(ref, "done") != "done"}
    for ref in missing:
        print(f"missing  {ref}")
    for ref, state in unfinished.items():
        print(f"{state:<8} {ref}")
    print(f"{len(refs)} orders: {len(missing)} missing, {len(unfinished)} not done")
    return 1 if missing else 0


def _refs_of(path: Path) -> list[str]:
    with open(path, encoding="utf-8-sig", errors="replace", newline="") as file:
        cells = (cell for row in csv.reader(file) for cell in row)
        return list(dict.fromkeys(ref for cell in cells for ref in REF.findall(cell)))


async def _drain_spool(store: Store, asked: argparse.Namespace) -> int:
    drained = await store.payments.intake.drain_once()
    waiting = await store.payments.intake.waiting()
    print(f"{drained} drained, {waiting} still wait")
    return 1 if waiting else 0


def _state(word: str) -> str:
    return STATUSES.get(word, word)


def _moment(seconds: float, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(seconds, zone).strftime("%Y-%m-%d %H:%M:%S")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.lynk", description="The webhook's deliveries, by hand"
    )
    acts = parser.add_subparsers(required=True, metavar="ACT")

    listing = acts.add_parser("list", help="what came, the newest first")
    _add_status(listing)
    listing.add_argument("--ref", default="", help="only deliveries of this order")
    listing.add_argument("--limit", type=int, choices=range(1, MOST_ROWS + 1), default=50,
                         metavar=f"1-{MOST_ROWS}")  # fmt: skip
    listing.set_defaults(act=_list)

    show = acts.add_parser("show", help="one delivery")
    show.add_argument("id")
    show.add_argument("--body", action="store_true", help="only its bytes, as they came")
    show.set_defaults(act=_show)

    replay = acts.add_parser("replay", help="work deliveries off again")
    replay.add_argument("ids", nargs="*", metavar="ID")
    _add_status(replay)
    replay.add_argument("--dry-run", action="store_true", help="only say what it would do")
    replay.set_defaults(act=_replay)

    send = acts.add_parser("send-sample", help="post a sample to the webhook")
    send.add_argument("name", nargs="?", choices=NAMES, default="01")
    send.add_argument("--url", help="the webhook's address; our own server's unless given")
    send.add_argument("--key", help="sign with this merchant key")
    send.add_argument("--new", action="store_true", help="as a new order")
    send.set_defaults(act=_send_sample)

    verify = acts.add_parser("verify", help="check a body's signature")
    verify.add_argument("file")
    verify.add_argument("--signature", required=True)
    verify.set_defaults(act=_verify)

    reconcile = acts.add_parser("reconcile", help="find orders that never came")
    reconcile.add_argument("file", metavar="orders.csv")
    reconcile.set_defaults(act=_reconcile)

    drain = acts.add_parser("drain-spool", help="carry the spool to the store")
    drain.set_defaults(act=_drain_spool)
    return parser


def _add_status(parser: argparse.ArgumentParser) -> None:
    words: Iterable[str] = (*STATES, *STATUSES)
    parser.add_argument("--status", choices=list(words), default="", help="only in this state")


if __name__ == "__main__":
    sys.exit(main())
