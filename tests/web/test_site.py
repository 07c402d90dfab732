"""The site's own name, logo, contact and shop on its pages, and nothing odd where none is set."""

from __future__ import annotations

import pytest

from tests.serving import serving

WHATSAPP = "https://wa.me/6281234567890"
SHOP = "https://toko.example/paket"

OURS = {
    "SITE_NAME": "Kelas Ekspor",
    "SITE_LOGO_URL": "https://gambar.example/logo.png?v=1",
    "CONTACT_URL": "0812 3456 7890",
    "SHOP_URL": SHOP,
}

WHERE = [
    ("/login", True, False),
    ("/akun-diblokir", True, False),
    ("/nonaktif", True, False),
    ("/masa-aktif-habis", True, True),
    ("/kuota-habis", True, True),
    ("/fup", True, True),
    ("/hotspot/login", True, False),
    (f"/order/{'f' * 32}", True, False),
]
"""A page, whether it says whom to ask, and whether it says where to buy."""


@pytest.mark.parametrize("is_set", [True, False])
async def test_pages_say_whose_they_are_whom_to_ask_and_where_to_buy(
    environment: dict[str, str], is_set: bool
) -> None:
    async with serving(environment, **(OURS if is_set else {})) as site:
        for path, asks, buys in WHERE:
            answer = await site.browser().get(path, Accept="text/html")
            page = answer.body.decode()
            assert answer.status == 200, path
            name = "Kelas Ekspor" if is_set else "Jaga"
            assert f"· {name}</title>" in page and f'brand-name">{name}<' in page, path
            assert (f'href="{WHATSAPP}"' in page) is (is_set and asks), path
            assert (f'href="{SHOP}"' in page) is (is_set and buys), path
            assert 'href=""' not in page and 'src=""' not in page, path
            policy = answer.headers["content-security-policy"]
            images = "img-src 'self' data: https://gambar.example;"
            assert (images in policy) is is_set


async def test_who_may_not_see_a_page_is_told_whom_to_ask(environment: dict[str, str]) -> None:
    async with serving(environment, **OURS) as site:
        somebody = await site.logged_in(await site.member("siti"))
        answer = await somebody.get("/admin/mails", Accept="text/html")
        assert answer.status == 403 and WHATSAPP in answer.body.decode()


async def test_a_dead_end_says_whom_to_ask(environment: dict[str, str]) -> None:
    async with serving(environment, **OURS) as site:
        answer = await site.browser().get("/tidak/ada", Accept="text/html")
        assert answer.status == 404 and WHATSAPP in answer.body.decode()


@pytest.mark.parametrize(("act", "word"), [("block", "diblokir"), ("deactivate", "dinonaktifkan")])
async def test_who_is_barred_is_led_to_the_page_that_says_so(
    environment: dict[str, str], act: str, word: str
) -> None:
    async with serving(environment, **OURS) as site:
        siti = await site.member("siti")
        own = await site.logged_in(siti)
        await getattr(site.store.members, act)(siti.id, by="test")
        gone = await own.get("/dashboard", Accept="text/html")
        reason = {"block": "blocked", "deactivate": "inactive"}[act]
        for answer in (gone, await site.browser().get(f"/login?reason={reason}")):
            assert answer.status == 302
            page = await site.browser().get(answer.headers["location"], Accept="text/html")
            text = page.body.decode()
            assert f"Akun ini sedang {word}" in text and WHATSAPP in text


async def test_a_member_without_a_package_is_led_to_the_shop(environment: dict[str, str]) -> None:
    async with serving(environment, **OURS) as site:
        member = await site.member("siti", phone="081234567890")
        await site.store.hotspot.accounts.approve(member.id, True)
        browser = await site.logged_in(member)
        page = (await browser.get("/hotspot", Accept="text/html")).body.decode()
        assert "Belum ada paket" in page and SHOP in page and WHATSAPP in page
