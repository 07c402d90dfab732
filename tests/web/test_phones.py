"""A phone at every door: in whatever form it comes, the same member; what is none is a 400."""

from __future__ import annotations

from tests.serving import serving

FORMS = (
    "0812-3456-7890",
    "\u202d+62 812\u20113456\u20117890\u202c",
    "+62 (0) 812 3456 7890",
    "0062 812 3456 7890",
    "https://wa.me/6281234567890?text=Halo",
)


async def test_each_form_of_a_phone_is_the_same_member_at_every_door(environment):
    async with serving(environment) as site:
        admin = await site.logged_in(await site.member("bos", role="admin"))
        siti = {"email": "siti@jaga.test", "password": "kopi tubruk 9", "phone": FORMS[1]}
        made = await admin.post("/api/admin/members", siti)
        assert (made.status, made.json["member"]["phone"]) == (201, "6281234567890"), made.body
        assert (
            await site.store.hotspot.accounts.member_of("6281234567890")
            == made.json["member"]["id"]
        )
        # kept as it was typed, by an earlier version or by a payment
        lama = await site.member("lama", phone="+62 0812 3456 7890")
        for form in FORMS:
            asked = await site.browser().post("/api/auth/request-otp", {"phone_number": form})
            assert asked.json.get("phone_number") == "081234567890", (form, asked.body)
            wish = {"filter": {"search": form}, "dry_run": True}
            counted = await admin.post("/api/admin/force-logout", wish)
            assert counted.status == 200, counted.body
        part = {"filter": {"search": "0812-3456"}, "dry_run": True}
        for member in (lama, await site.store.members.get(made.json["member"]["id"])):
            await site.logged_in(member)
        assert (await admin.post("/api/admin/force-logout", part)).json["members"] == 2
        desk = await admin.get("/api/admin/hotspot/members?q=%2B62%20812-3456")
        assert [row["phone"] for row in desk.json["members"]] == ["6281234567890"]


async def test_what_is_no_phone_is_refused_with_its_field(environment):
    # registering is for houses with a router
    async with serving(environment, MIKROTIK_HOST="127.0.0.1", MIKROTIK_PORT="1") as site:
        admin = await site.logged_in(await site.member("bos", role="admin"))
        for odd in ("08123456789o", "0812345", "62", "081234567890/081311112222", "x" * 5000, 812):
            for path in ("request-otp", "register", "verify-otp"):
                body = {"phone_number": odd, "name": "Siti", "otp": "123456"}
                answer = await site.browser().post(f"/api/auth/{path}", body)
                assert (answer.status, answer.json["field"]) == (400, "phone_number"), odd
            body = {"email": "x@jaga.test", "password": "kopi tubruk 9", "phone": odd}
            answer = await admin.post("/api/admin/members", body)
            assert (answer.status, answer.json["field"]) == (400, "phone"), odd


async def test_a_first_password_that_is_the_phone_outlives_a_correction_of_its_form(environment):
    async with serving(environment) as site:
        admin = await site.logged_in(await site.member("bos", role="admin"))
        sent = "0812 3456-7890"
        digest = await site.store.passwords.hash(sent)
        dewi = await site.store.members.create(
            email="dewi@jaga.test", password_hash=digest, phone=sent, must_change=True
        )
        path = f"/api/admin/members/{dewi.id}"
        kind = {"Content-Type": "application/json"}
        changed = await admin.send("PATCH", path, b'{"phone": "+6281234567890"}', kind)
        assert changed.status == 200, changed.body
        assert (await site.browser().login("dewi@jaga.test", "081234567890")).status == 200
