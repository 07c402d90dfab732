"""How a process logs: a line of text, or of JSON, on standard error."""

from __future__ import annotations

import json
import logging
import time

from store.settings import Settings


def log_as(settings: Settings) -> None:
    """Set the process's logging up by LOG_FORMAT."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Json() if settings.log_format == "json" else logging.Formatter(_TEXT))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    # they tell of every job and every connection; what goes wrong is still heard
    for name in ("rq.worker", "rq.job", "rq_scheduler"):
        logging.getLogger(name).setLevel(logging.WARNING)


_TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
            + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)
