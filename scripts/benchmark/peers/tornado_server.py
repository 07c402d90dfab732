# mypy: ignore-errors
"""Tornado as usually written: handlers that keep their connection, a loop for each."""

import asyncio
import json
import sys
from collections import defaultdict

import redis.asyncio
from tornado.iostream import StreamClosedError
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketClosedError, WebSocketHandler

PORT, REDIS, CHANNEL, PREFIX = sys.argv[1:]
BEAT_SECONDS = 20

store = redis.asyncio.Redis.from_url(REDIS, decode_responses=True)
tabs = defaultdict(set)


async def device_of(handler):
    secret = handler.get_cookie("session", "")
    device = secret.partition(".")[0]
    known = secret and await store.get(f"{PREFIX}:session:{device}") == secret
    return device if known else None


class Stream(RequestHandler):
    async def get(self):
        device = await device_of(self)
        if device is None:
            self.send_error(401)
            return
        self.set_header("Content-Type", "text/event-stream")
        self.set_header("Cache-Control", "no-cache")
        self.queue = asyncio.Queue()
        tabs[device].add(self)
        try:
            self.write(": ok\n\n")
            await self.flush()
            while True:
                try:
                    text = await asyncio.wait_for(self.queue.get(), BEAT_SECONDS)
                    self.write(f"data: {text}\n\n")
                except TimeoutError:
                    self.write(": ping\n\n")
                await self.flush()
        except StreamClosedError:
            return
        finally:
            tabs[device].discard(self)

    def tell(self, text):
        self.queue.put_nowait(text)


class Socket(WebSocketHandler):
    device = ""

    async def get(self, *args, **kwargs):
        device = await device_of(self)
        if device is None:
            self.send_error(401)
            return
        self.device = device
        await super().get(*args, **kwargs)

    def open(self):
        tabs[self.device].add(self)

    def on_message(self, message):
        """Said in answer to a ping; nothing follows."""

    def on_close(self):
        tabs[self.device].discard(self)

    def tell(self, text):
        try:
            self.write_message(text)
        except WebSocketClosedError:
            tabs[self.device].discard(self)


async def listen():
    pubsub = store.pubsub()
    await pubsub.subscribe(CHANNEL)
    async for message in pubsub.listen():
        if message["type"] != "message":
            continue
        said = json.loads(message["data"])
        chosen = [said["device"]] if said["device"] else list(tabs)
        for device in chosen:
            for tab in list(tabs[device]):
                tab.tell(said["text"])


async def main():
    application = Application(
        [("/sse", Stream), ("/ws", Socket)], websocket_ping_interval=BEAT_SECONDS
    )
    application.settings["log_function"] = lambda handler: None
    application.listen(int(PORT), "127.0.0.1", backlog=4096)
    await listen()


asyncio.run(main())
