# mypy: ignore-errors
"""aiohttp as its documentation writes it."""

import asyncio
import json
import sys
from collections import defaultdict

import redis.asyncio
from aiohttp import web

PORT, REDIS, CHANNEL, PREFIX = sys.argv[1:]
BEAT_SECONDS = 20

store = redis.asyncio.Redis.from_url(REDIS, decode_responses=True)
tabs = defaultdict(set)


async def device_of(request):
    secret = request.cookies.get("session", "")
    device = secret.partition(".")[0]
    if not secret or await store.get(f"{PREFIX}:session:{device}") != secret:
        raise web.HTTPUnauthorized()
    return device


async def stream(request):
    device = await device_of(request)
    response = web.StreamResponse(
        headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"}
    )
    await response.prepare(request)
    queue = asyncio.Queue()
    tabs[device].add(queue.put_nowait)
    try:
        await response.write(b": ok\n\n")
        while True:
            try:
                text = await asyncio.wait_for(queue.get(), BEAT_SECONDS)
                await response.write(f"data: {text}\n\n".encode())
            except TimeoutError:
                await response.write(b": ping\n\n")
    except ConnectionResetError:
        return response
    finally:
        tabs[device].discard(queue.put_nowait)


async def socket(request):
    device = await device_of(request)
    ws = web.WebSocketResponse(heartbeat=BEAT_SECONDS, compress=False)
    await ws.prepare(request)
    tabs[device].add(ws.send_str)
    try:
        async for _ in ws:
            pass
    finally:
        tabs[device].discard(ws.send_str)
    return ws


async def listen():
    pubsub = store.pubsub()
    await pubsub.subscribe(CHANNEL)
    async for message in pubsub.listen():
        if message["type"] == "message":
            said = json.loads(message["data"])
            await tell(said["device"], said["text"])


async def tell(device, text):
    for name in [device] if device else list(tabs):
        for say in list(tabs[name]):
            try:
                waiting = say(text)
                if waiting is not None:
                    await waiting
            except ConnectionResetError:
                continue


async def main():
    application = web.Application()
    application.add_routes([web.get("/sse", stream), web.get("/ws", socket)])
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", int(PORT), backlog=4096).start()
    await listen()


asyncio.run(main())
