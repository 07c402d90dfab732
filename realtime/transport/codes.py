"""Close codes, one meaning each. A client decides by the range alone (CONTRACT §6).

4000–4399: come back. 4400–4999: do not.
"""

SHUTDOWN = 4001
SLOW = 4008
TOO_MANY = 4029

NOT_LOGGED_IN = 4401
NOT_YOURS = 4403
UNKNOWN = 4404
QR_OVER = 4408
FORCE_LOGOUT = 4501
BLOCKED = 4503
EXPIRED = 4519

PROTOCOL_ERROR = 1002
NOT_TEXT = 1003
BAD_TEXT = 1007
FLOOD = 1008
TOO_BIG = 1009


def comes_back(code: int) -> bool:
    """Whether a client that is closed with this code should connect again."""
    return 4000 <= code < 4400
