"""A user's program, for pyright --strict: every public type must be complete without an annotation of the user's."""

from __future__ import annotations

from typing import assert_type

from geartrain import Client, Created, Data, Fail, JobHandle, JobStatus, Priority, Progress, Worker, WorkerJob

worker = Worker("127.0.0.1:4730", id="reverser-1")


@worker.function("reverse", timeout=60)
def reverse(job: WorkerJob) -> bytes:
    backwards = bytearray()
    for byte in job.track(job.workload):
        assert_type(byte, int)
        backwards.insert(0, byte)
    if not backwards:
        raise Fail("nothing to reverse")
    return bytes(backwards)


with Client("127.0.0.1:4730") as client:
    handle = client.do_background("reverse", "this is a test", priority=Priority.HIGH)
    assert_type(handle, JobHandle)
    status = client.job_status(handle)
    assert_type(status, JobStatus)
    known, running, numerator, denominator = status
    assert_type((known, running, numerator, denominator), tuple[bool, bool, int, int])
    assert_type(client.do("reverse", b"this is a test", unique="u-1"), bytes)
    for event in client.submit("reverse", b"this is a test").events():
        match event:
            case Created(handle=created):
                assert_type(created, str)
            case Data(data=chunk):
                assert_type(chunk, bytes)
            case Progress(numerator=done):
                assert_type(done, int)
            case _:
                pass
    for chunk in client.submit("reverse", b"x"):
        assert_type(chunk, bytes)
