"""Which addresses take a body, and how large: decided from a request's head, before the body is
read."""

from __future__ import annotations

from tornado.httputil import HTTPHeaders, HTTPInputError, HTTPServerRequest, RequestStartLine
from tornado.web import Application, RequestHandler

from store.door import Door
from store.errors import InvalidRequest, NoBodyTaken, NotFound, WrongMethod
from web.handler import UnknownAddress, methods_of


class Bodies:
    """The judge of bodies."""

    def __init__(self, application: Application, door: Door) -> None:
        self._application = application
        self._door = door

    def most(self, start: RequestStartLine, headers: HTTPHeaders) -> int:
        """Return how many bytes of a body the address of this request reads.

        Raises NotFound, WrongMethod, NoBodyTaken, InvalidRequest, and CrossOrigin for a body that
        Tornado would take apart before a handler is asked.
        """
        handler = self._handler_of(start, headers)
        if handler is None or issubclass(handler, UnknownAddress):
            raise NotFound()
        if start.method not in (methods := methods_of(handler)):
            raise WrongMethod(", ".join(methods))
        most = int(getattr(handler, "largest_body", 0))
        if start.method in ("GET", "HEAD", "OPTIONS") or not most:
            raise NoBodyTaken()
        if headers.get("Content-Type", "").startswith("multipart/") and not getattr(
            handler, "exempt_from_origin", False
        ):
            self._door.require_own_origin(headers, own_form=True)  # a form of ours is asked later
        return most

    def _handler_of(
        self, start: RequestStartLine, headers: HTTPHeaders
    ) -> type[RequestHandler] | None:
        try:
            request = HTTPServerRequest(start_line=start, headers=headers)
        except HTTPInputError:
            raise InvalidRequest("Host") from None
        found = self._application.find_handler(request)
        return getattr(found, "handler_class", None)
