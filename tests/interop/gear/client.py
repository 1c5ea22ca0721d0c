"""A client on gear. Arguments: PORT MODE FUNCTION UNIQUE PRIORITY; the workload is on standard input."""

from __future__ import annotations

import sys
import threading
import time
from base64 import b64encode

import gear

PRECEDENCES = {
    "high": gear.PRECEDENCE_HIGH,
    "normal": gear.PRECEDENCE_NORMAL,
    "low": gear.PRECEDENCE_LOW,
}
WORDS = {
    gear.constants.JOB_CREATED: "created",
    gear.constants.WORK_STATUS: "status",
    gear.constants.WORK_DATA: "data",
    gear.constants.WORK_WARNING: "warning",
    gear.constants.WORK_COMPLETE: "complete",
    gear.constants.WORK_EXCEPTION: "exception",
    gear.constants.WORK_FAIL: "fail",
    gear.constants.STATUS_RES: "polled",
}


class TalkativeClient(gear.Client):
    """Prints each packet about a job, and remembers when the job is at its end."""

    def __init__(self) -> None:
        super().__init__("gear-client")
        self.ended = threading.Event()

    def handlePacket(self, packet: gear.Packet) -> None:
        """gear calls this for every packet."""
        super().handlePacket(packet)
        word = WORDS.get(packet.ptype)
        arguments = packet.data.split(b"\0")
        if word == "created":
            print(word, packet.data.decode(), flush=True)
        elif word in ("status", "polled"):
            print(word, *(argument.decode() for argument in arguments[1:]), flush=True)
        elif word in ("data", "warning", "complete", "exception"):
            print(word, b64encode(packet.data.partition(b"\0")[2]).decode(), flush=True)
        elif word == "fail":
            print(word, flush=True)
        unknown = word == "polled" and arguments[1] == b"0"
        if unknown or word in ("complete", "exception", "fail"):
            self.ended.set()


def main(port: str, mode: str, function: str, unique: str, priority: str) -> None:
    """Submit one job and say what becomes of it."""
    client = TalkativeClient()
    client.addServer("127.0.0.1", int(port))
    client.waitForServer()
    client.setOption("exceptions")
    job = gear.Job(function, sys.stdin.buffer.read(), unique or None)
    client.submitJob(job, background=mode != "do", precedence=PRECEDENCES[priority])
    question = gear.Packet(gear.constants.REQ, gear.constants.GET_STATUS, job.handle)
    while mode == "follow" and not client.ended.is_set():
        job.connection.sendPacket(question)
        time.sleep(0.002)
    if mode == "do":
        client.ended.wait()
    client.shutdown()


main(*sys.argv[1:])
