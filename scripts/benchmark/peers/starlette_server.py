# mypy: ignore-errors
"""Starlette on uvicorn with uvloop and httptools, as their documentation writes it."""

import asyncio
import json
import sys
from collections import defaultdict
from contextlib import asynccontextmanager

import redis.asyncio
import uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocketDisconnect

PORT, REDIS, CHANNEL, PREFIX = sys.argv[1:]
BEAT_SECONDS = 20

store = redis.asyncio.Redis.from_url(REDIS, decode_responses=True)
tabs = defaultdict(set)


async def device_of(connection):
    secret = connection.cookies.get("session", "")
    device = secret.partition(".")[0]
    known = secret and await store.get(f"{PREFIX}:session:{device}") == secret
    return device if known else None


async def stream(request):
    device = await device_of(request)
    if device is None:
        return PlainTextResponse("", 401)
    headers = {"Cache-Control": "no-cache"}
    return StreamingResponse(events(device), media_type="text/event-stream", headers=headers)


async def events(device):
    queue = asyncio.Queue()
    tabs[device].add(queue.put)
    try:
        yield ": ok\n\n"
        while True:
            try:
                text = await asyncio.wait_for(queue.get(), BEAT_SECONDS)
                yield f"data: {text}\n\n"
            except TimeoutError:
                yield ": ping\n\n"
    finally:
        tabs[device].discard(queue.put)


async def socket(ws):
    device = await device_of(ws)
    if device is None:
        await ws.close()
        return
    await ws.accept()
    tabs[device].add(ws.send_text)
    try:
        while True:
            await ws.receive_text()
    except WebSocketDisconnect:
        return
    finally:
        tabs[device].discard(ws.send_text)


async def listen():
    pubsub = store.pubsub()
    await pubsub.subscribe(CHANNEL)
    async for message in pubsub.listen():
        if message["type"] == "message":
            said = json.loads(message["data"])
            for name in [said["device"]] if said["device"] else list(tabs):
                for say in list(tabs[name]):
                    try:
                        await say(said["text"])
                    except (RuntimeError, WebSocketDisconnect):
                        continue


@asynccontextmanager
async def lifespan(application):
    task = asyncio.create_task(listen())
    yield
    task.cancel()


application = Starlette(
    routes=[Route("/sse", stream), WebSocketRoute("/ws", socket)], lifespan=lifespan
)
uvicorn.run(
    application,
    host="127.0.0.1",
    port=int(PORT),
    backlog=4096,
    loop="uvloop",
    http="httptools",
    ws_ping_interval=BEAT_SECONDS,
    ws_per_message_deflate=False,
    log_level="warning",
    access_log=False,
)
