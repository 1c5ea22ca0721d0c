"""The workers of a busy server: ``python -m tests.support.busy_workers ADDRESS``."""

from __future__ import annotations

import json
import random
import sys
import threading
import time

from geartrain.jobs import WorkerJob
from geartrain.sync.worker import JobFunction, Worker

FRAMES = 40


def thumbnail(job: WorkerJob) -> bytes:
    time.sleep(random.uniform(0.02, 0.12))
    return json.dumps({"width": 320, "height": 240, "file": "thumbnail.webp", "cached": False}).encode()


def send_mail(job: WorkerJob) -> bytes:
    time.sleep(random.uniform(0.01, 0.06))
    return b"250 2.0.0 Ok: queued"


def invoice_pdf(job: WorkerJob) -> bytes:
    time.sleep(random.uniform(0.1, 0.4))
    return b"%PDF-1.7\n\0\1\2\3\xff\xfe" + bytes(range(96))


def video_transcode(job: WorkerJob) -> bytes:
    for frame in range(1, FRAMES + 1):
        time.sleep(0.25)
        job.send_status(frame, FRAMES)
        if frame % 5 == 0:
            job.send_data(f"frame {frame} of {FRAMES}, {frame * 4} kB\n".encode())
    return b"done\n"


def webhook_deliver(job: WorkerJob) -> bytes:
    time.sleep(random.uniform(0.02, 0.2))
    if random.random() < 0.08:
        raise ConnectionError("hooks.example.com: connection timed out after 5 s")
    return b"204"


def say_no(job: WorkerJob) -> bytes:
    raise ValueError("this job cannot be done")


def capitals(job: WorkerJob) -> bytes:
    for number in range(1, 5):
        job.send_status(number, 4)
        job.send_data(f"letter {number}\n".encode())
        time.sleep(0.1)
    return job.workload.upper()


def doze(job: WorkerJob) -> bytes:
    time.sleep(float(job.workload or b"30"))
    return b"awake"


STAFF: dict[str, tuple[int, dict[str, JobFunction]]] = {  # by name: how many, and what each can do
    "images": (3, {"thumbnail": thumbnail, "invoice_pdf": invoice_pdf}),
    "mail": (2, {"send_mail": send_mail, "webhook_deliver": webhook_deliver}),
    "video": (2, {"video_transcode": video_transcode}),
    "odd": (2, {"say_no": say_no, "capitals": capitals, "cleanup": send_mail}),
    "sleepy": (2, {"doze": doze}),
}


def employ(address: str, name: str, functions: dict[str, JobFunction]) -> None:
    worker = Worker(address, id=name)
    for function, code in functions.items():
        worker.add_function(function, code)
    threading.Thread(target=worker.run, daemon=True).start()


if __name__ == "__main__":
    for team, (size, abilities) in STAFF.items():
        for place in range(1, size + 1):
            employ(sys.argv[1], f"{team}-{place}", abilities)
    print("at work", flush=True)
    threading.Event().wait()
