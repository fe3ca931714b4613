"""What Exotel answers: statuses, codes, names and the words of its messages.

Sources: Exotel's developer portal, api/http-status-codes and api/sms-details.
"""

import time

REFUSALS = {
    400: (40203, "Invalid Recipient"),
    401: (34010, "Authentication failed"),
    402: (None, "Payment Required"),
    403: (40001, "Insufficient balance to send the SMS"),
    404: (None, "Not Found"),
    405: (40502, "Method Not Allowed"),
    429: (40402, "Too Many Requests"),
    500: (35000, "Internal Server Error"),
    503: (40405, "Throttle limit exceeded"),
}
"""HTTP status: Exotel's code and message."""

NAMES = {
    20005: "DELIVERED_TO_HANDSET",
    20006: "DELIVERED_TO_OPERATOR",
    21010: "PENDING_TO_OPERATOR",
    21015: "SENDING_TO_OPERATOR",
    21020: "PENDING_ON_OPERATOR",
    23005: "FAILED_REJECTED_DND",
    23010: "FAILED_INVALID_DESTINATION_NUMBER",
    23015: "FAILED_SPAM_DETECTED",
    23020: "FAILED_REJECTED_BLACKLIST",
    23030: "FAILED_UNAVAILABLE_ROUTE",
    23035: "FAILED_SUBSCRIBER_UNAVAILABLE",
    23040: "FAILED_SUBSCRIBER_UNKNOWN",
    23050: "FAILED_EXPIRED",
    23060: "FAILED_REJECTED",
    23070: "FAILED_INVALID_MESSAGE",
    23072: "FAILED_INVALID_SENDER_ID",
    23080: "SENDER_BLOCKED_BY_DLT",
    23081: "ENTITY_BLOCKED_BY_DLT",
    23082: "TEMPLATE_BLOCKED_BY_DLT",
    23083: "FAILED_DLT_SCRUBBING_ERROR",
    23084: "FAILED_DLT_CONSENT_ERROR",
    23181: "DLT_TEMPLATE_ID_INVALID",
    23182: "DLT_TEMPLATE_NOT_FOUND",
    23183: "DLT_TEMPLATE_ID_INACTIVE",
    23184: "DLT_TEMPLATE_ID_BLACKLISTED",
    23185: "DLT_TEMPLATE_DOES_NOT_MATCH",
    23186: "DLT_LENGTH_EXCEEDED",
    23281: "DLT_ENTITY_NOT_FOUND",
    24010: "FAILED_SYSTEM_ERROR",
    24105: "FAILED_HANDSET_ERROR",
    24110: "FAILED_OPERATOR_ERROR",
    24120: "FAILED_SUBSCRIBER_ERROR",
    24990: "FAILED_UNKNOWN_ERROR",
}

_SEPTETS = {
    **dict.fromkeys("@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉÄÖÑÜ§¿äöñüà¡¤ !\"#%&'()*+,-./0123456789:;<=>?", 1),
    **dict.fromkeys("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", 1),
    **dict.fromkeys("\f^{}\\[~]|€", 2),
}
"""What a character of the GSM alphabet takes (3GPP TS 23.038 §6.2)."""

INDIA = 5.5 * 3600
"""Seconds by which Exotel's clocks are ahead of UTC."""

DATE = "%Y-%m-%d %H:%M:%S"
"""How Exotel writes a moment, and wants it written."""

QUEUED, SENDING, SUBMITTED, DELIVERED, DO_NOT_DISTURB = 21010, 21015, 21020, 20005, 23005


def name(code: int) -> str:
    """The name of a detailed status; one that is not published is made from its group."""
    group = {20: "DELIVERED", 21: "PENDING", 23: "FAILED", 24: "FAILED"}.get(code // 1000, "UNKNOWN")
    return NAMES.get(code, f"{group}_{code}")


def word(code: int) -> str:
    """The status word that goes with a detailed status; ``sent`` means delivered."""
    words = {QUEUED: "queued", SENDING: "sending", SUBMITTED: "submitted", DO_NOT_DISTURB: "failed_dnd"}
    return words.get(code) or {20: "sent", 21: "submitted"}.get(code // 1000, "failed")


def date(moment: float) -> str:
    """Return a moment as Exotel writes it."""
    return time.strftime(DATE, time.gmtime(moment + INDIA))


def needs_unicode(body: str) -> bool:
    """Whether a text has characters that the GSM alphabet has not."""
    return not _SEPTETS.keys() >= set(body)


def units(body: str) -> int:
    """The parts that a text takes in the encoding that it needs; each of them is charged."""
    if needs_unicode(body):
        widths, alone, each = [len(c.encode("utf-16-le")) // 2 for c in body], 70, 67
    else:
        widths, alone, each = [_SEPTETS[c] for c in body], 160, 153
    if sum(widths) <= alone:
        return 1
    parts, used = 1, 0
    for width in widths:
        if used + width > each:  # no character is split between two parts
            parts, used = parts + 1, 0
        used += width
    return parts
