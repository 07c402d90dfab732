"""Who logs in where: a member, their phone, and the desk it lets in."""

from __future__ import annotations

from typing import Any

from store.opening import Store
from tests.client import Browser

EMAIL, PASSWORD = "sari@jaga.test", "rahasia sari"


ANDROID = "Mozilla/5.0 (Linux; Android 14; Pixel 8) Chrome/150 Mobile Safari/537.36"


async def member_of(store: Store, role: str = "member", email: str = EMAIL) -> str:
    made = await store.members.create(email=email, password=PASSWORD, name="Sari", role=role)
    return made.id


class Phone:
    """A phone as a program: tokens, no cookies."""

    def __init__(self, port: int, name: str = "HP Sari", browser_id: str = "hp-1") -> None:
        self.browser = Browser(port, ANDROID)
        self.name, self.browser_id = name, browser_id
        self.tokens: dict[str, Any] = {}

    async def login(self, email: str = EMAIL) -> Phone:
        answer = await self.browser.post(
            "/api/auth/login",
            {
                "email": email,
                "password": PASSWORD,
                "device_type": "mobile",
                "device_name": self.name,
                "browser_id": self.browser_id,
            },
        )
        assert answer.status == 200, answer.body
        self.tokens = answer.json
        self.browser.cookies.pop("jaga_session", None)
        return self

    @property
    def bearer(self) -> dict[str, Any]:
        return {"Authorization": f"Bearer {self.tokens['access_token']}"}

    async def get(self, path: str) -> Any:
        return await self.browser.get(path, **self.bearer)

    async def post(self, path: str, body: Any = None) -> Any:
        return await self.browser.post(path, body, **self.bearer)

    async def delete(self, path: str) -> Any:
        return await self.browser.send("DELETE", path, b"", self.bearer)

    async def refresh(self, token: str = "") -> Any:
        asked = {"refresh_token": token or self.tokens["refresh_token"]}
        return await self.browser.post("/api/auth/refresh", asked)


WINDOWS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/150.0 Safari/537.36 "
    "Edg/150.0"
)


class Desk(Browser):
    """A desktop browser with the login page open."""

    def __init__(self, port: int, browser_id: str = "meja-1") -> None:
        super().__init__(port, WINDOWS)
        self.browser_id = browser_id
        self.token = ""

    def copy_of_me(self) -> Desk:
        """The same browser in another tab."""
        other = Desk(self.port, self.browser_id)
        other.cookies, other.token = dict(self.cookies), self.token
        return other

    async def ask(self, delivery: str = "") -> dict[str, Any]:
        body = {"browser_id": self.browser_id, "fingerprint": "abc123"}
        answer = await self.post(
            "/api/auth/qr/generate", body | ({"delivery": delivery} if delivery else {})
        )
        assert answer.status == 200, answer.body
        self.token = answer.json["token"]
        return dict(answer.json)

    def line(self, token: str = "", **headers: Any) -> Any:
        return self.tab(f"/api/auth/qr/ws/{token or self.token}", **headers)

    async def status(self, token: str = "") -> Any:
        return await self.get(f"/api/auth/qr/status/{token or self.token}")

    async def redeem(self, token: str = "") -> Any:
        return await self.post("/api/auth/qr/redeem", {"token": token or self.token})


async def scan(phone: Phone, desk: Desk) -> dict[str, Any]:
    answer = await phone.post("/api/auth/qr/scan", {"token": desk.token})
    assert answer.status == 200, answer.body
    return dict(answer.json)


async def approve(phone: Phone, desk: Desk, match: Any = None, approved: Any = True) -> Any:
    body = {"token": desk.token, "approved": approved}
    return await phone.post("/api/auth/qr/approve", body | ({"match": match} if match else {}))
