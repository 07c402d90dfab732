"""`python mime_check.py PATH-OF-mime.py < names.json`: writes a mail to each name, and reads it.

Standard library only, so that any Python on the machine can be asked. Exits with 1 and the name
that went wrong.
"""

import email
import email.policy
import importlib.util
import json
import sys
from datetime import UTC, datetime
from email.parser import BytesHeaderParser

NAMES = [
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "MIME-Version",
    "Content-Language",
    "Auto-Submitted",
    "Resend-Idempotency-Key",
    "Content-Type",
]


def faults_of(mime, name: str) -> list[str]:
    """What is wrong with a mail to somebody of this name, who also wrote its subject and body."""
    letter = mime.Mail(
        sender_name=name,
        sender="no-reply@jaga.test",
        reply_to="",
        name=name,
        recipient="siti@example.com",
        subject=f"Pesanan {name}",
        at=datetime(2026, 3, 22, tzinfo=UTC),
        message_id="lynk-1@jaga.test",
        text=f"Halo {name},\n.\n{name}",
        html=f"<p>{name}</p>",
    )
    data = mime.write(letter)
    read = BytesHeaderParser(policy=email.policy.default).parsebytes(data)
    headers = dict(read.items())
    faults = [] if read.keys() == NAMES else [f"headers {read.keys()}"]
    (to,) = headers["To"].addresses
    if to.addr_spec != "siti@example.com":
        faults.append(f"to {to.addr_spec}")
    shown = mime.shown_name(name)
    # the reader of Python puts blanks between encoded words of a phrase; RFC 2047 §6.2 does not
    is_other = "".join(to.display_name.split()) != "".join(shown.split())
    if is_other or len(shown) > 60 or "@" in shown or "://" in shown:
        faults.append(f"shown as {to.display_name!r}, not {shown!r}")
    parts = list(email.message_from_bytes(data).walk())
    if len(parts) != 3:
        faults.append(f"{len(parts)} parts")
    faults += [str(part.defects) for part in parts if part.defects]
    faults += [f"{key}: {value.defects}" for key, value in headers.items() if value.defects]
    if max(map(len, data.split(b"\r\n"))) > 78 or b"\n" in data.replace(b"\r\n", b""):
        faults.append("an odd line")
    return faults


def module_at(path: str):
    """The module, without the package around it and what that would import."""
    spec = importlib.util.spec_from_file_location("mime", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["mime"] = module
    spec.loader.exec_module(module)
    return module


def main() -> int:
    mime = module_at(sys.argv[1])
    for name in json.load(sys.stdin):
        if faults := faults_of(mime, name):
            print(ascii(name), faults)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
