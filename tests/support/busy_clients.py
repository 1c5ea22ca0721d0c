"""The clients of a busy server: ``python -m tests.support.busy_clients ADDRESS``."""

from __future__ import annotations

import json
import math
import random
import sys
import time
from itertools import count

from geartrain.protocol.submission import Priority
from geartrain.sync.client import Client

ORDER = {"order": 1834, "customer": {"name": "Ada", "vat": None}, "lines": [{"sku": "A-1", "price": 9.5}]}


def keep_busy(client: Client) -> None:
    """Submit jobs for ever: a few dozen a second, and more or less of them by the minute."""
    begin(client)
    for number in count():
        client.do_background("thumbnail", json.dumps({"image": f"{number}.jpg", "width": 320}))
        if number % 2:
            client.do_background("send_mail", f"To: customer-{number}@example.com", priority=Priority.HIGH)
        if number % 3 == 0:
            client.do_background("webhook_deliver", json.dumps({**ORDER, "order": number}))
        if number % 4 == 0:
            client.do_background("invoice_pdf", json.dumps(ORDER), unique=f"invoice-{number}")
        if number % 250 == 0:
            client.do_background("video_transcode", json.dumps({"video": f"{number}.mp4", "codec": "av1"}))
        time.sleep(random.uniform(0.03, 0.09) * (1.3 - math.sin(number / 300)))


def begin(client: Client) -> None:
    """What waits: for a worker that is not there, for its time, for an operator."""
    for number in range(12):
        client.do_background("send_mail", "Good morning", delay=3600.0 + number)
        client.do_background("cleanup", b"", priority=Priority.LOW, unique=f"cleanup-{number}")
    for number in range(3):
        client.do_background("video_transcode", json.dumps({"video": f"{number}.mp4", "codec": "av1"}))
    client.submit("video_transcode", json.dumps({"video": "waited-for.mp4"}), unique="waited-for")
    for number in range(140):
        address = json.dumps({"address": f"{number} Main Street"})
        client.do_background("geocode", address, unique=f"place-{number}")


if __name__ == "__main__":
    with Client(sys.argv[1]) as customer:
        keep_busy(customer)
