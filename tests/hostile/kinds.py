"""What each kind of hostile peer does, and how many of them an hour brings."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable
from typing import Final, NamedTuple, Protocol

from geartrain.broker.admin import COMMANDS as VERBS
from geartrain.protocol.commands import (
    CAN_DO,
    ECHO_REQ,
    GRAB_JOB,
    OPTION_REQ,
    PRE_SLEEP,
    SET_CLIENT_ID,
    SUBMIT_JOB,
    SUBMIT_JOB_BG,
    SUBMIT_JOB_SCHED,
    WORK_COMPLETE,
    WORK_DATA,
    WORK_STATUS,
)
from geartrain.protocol.packet import HEADER, REQUEST, request
from tests.fuzz.noise import Noise
from tests.fuzz.peers import handle_in
from tests.hostile.visit import Visit, Wire

MIB: Final = 1024 * 1024
ROWS: Final = 100_000  # of a list
LISTS: Final = (b"status", b"functions", b"prioritystatus", b"workers", b"show jobs", b"show unique jobs")
GET: Final = b"GET /%b HTTP/1.1\r\nHost: 127.0.0.1\r\n"
POST: Final = b"POST /api/v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
PATIENCE_OF_LISTS: Final = 30.0  # seconds
SCHEDULES: Final = 500  # of one peer


# Those that say too little


async def silent(visit: Visit) -> None:
    """Says nothing."""
    wire = await visit.connects(visit.random.choice(visit.ports))
    await wire.hears_out(visit.random.uniform(5, 35))


async def half_a_head(visit: Visit) -> None:
    """Says the beginning of a header, of a line or of a request."""
    port, whole = visit.random.choice(
        (
            (visit.ports.gearman, request(CAN_DO, b"half")),
            (visit.ports.gearman, b"x" * 8000),
            (visit.ports.http, GET % b"livez" + b"X: " + b"a" * 1000),
            (visit.ports.gear_http, GET % b"half" + b"X: " + b"a" * 1000),
            (visit.ports.tls, b"\x16\x03\x01\x02\x00\x01\x00"),
        )
    )
    wire = await visit.connects(port)
    await wire.says(whole[: visit.random.randrange(1, len(whole))])
    await wire.hears_out(visit.random.uniform(1, 35))


async def half_a_packet(visit: Visit) -> None:
    """Announces a large packet or body, and sends a part of it."""
    part = bytes(visit.random.randrange(2 * MIB))
    if visit.is_so(0.7):
        wire = await visit.connects(visit.ports.gearman)
        await wire.says(HEADER.pack(REQUEST, SUBMIT_JOB_BG, 60 * MIB) + b"half\0\0", part)
    else:
        wire = await visit.connects(visit.ports.http)
        await wire.says(POST + b"Content-Length: %d\r\n\r\n" % (1 << 20), part[: MIB - 1])
    await wire.hears_out(visit.random.uniform(1, 10))


async def churn(visit: Visit) -> None:
    """Connects and goes."""
    for _ in range(5):
        await visit.connects(visit.random.choice(visit.ports))
    visit.leaves()


# Those that say too much


async def too_large(visit: Visit) -> None:
    """Announces more than any packet may have."""
    wire = await visit.connects(visit.ports.gearman)
    size = visit.random.choice((66 * MIB, 1 << 31, (1 << 32) - 1))
    await wire.says(HEADER.pack(REQUEST, SUBMIT_JOB_BG, size), bytes(100_000))
    await wire.hears_out(5)


async def slow_reader(visit: Visit) -> None:
    """Asks for megabytes and reads none of them."""
    wire = await visit.connects(visit.ports.gearman)
    await wire.says(request(ECHO_REQ, bytes(60_000)) * visit.random.choice((1, 20, 100)))
    await wire.reads_nothing(visit.random.uniform(1, 10))


async def reader_of_nothing(visit: Visit) -> None:
    """Asks for more than may wait for a peer that does not read."""
    wire = await visit.connects(visit.ports.gearman)
    echo = request(ECHO_REQ, bytes(MIB))
    for _ in range(300):
        await wire.says(echo)
        if wire.writer.transport.is_closing():
            break
    await wire.hears_out(10)


async def functions_without_end(visit: Visit) -> None:
    """Says hundreds of unique functions, as a worker and as a client, and goes."""
    wire = await visit.connects(visit.ports.gearman)
    tail = b"x" * visit.random.choice((1, 50, 400))
    names = [b"f%d-%b" % (visit.random.getrandbits(60), tail) for _ in range(300)]
    abilities = b"".join([request(CAN_DO, name) for name in names])
    jobs = b"".join([request(SUBMIT_JOB, name, b"", b"") for name in names])
    await wire.says(abilities, jobs, request(PRE_SLEEP), b"status\n")
    await wire.hears_out(5, b"\n.\n")


async def pipeline(visit: Visit) -> None:
    """Asks hundreds of times at once, and reads nothing."""
    wire = await visit.connects(visit.random.choice((visit.ports.http, visit.ports.gear_http)))
    path = visit.random.choice((b"livez", b"metrics", b"api/v1/functions", b"api/v1/jobs"))
    await wire.says((GET % path + b"\r\n") * visit.random.choice((50, 400)))
    await wire.reads_nothing(visit.random.uniform(0.1, 3))
    await wire.hears_out(visit.random.uniform(0.1, 2))


async def streams(visit: Visit) -> None:
    """Opens streams of events, reads some of them, and goes in the middle."""
    for _ in range(visit.random.choice((1, 5, 20))):
        wire = await visit.connects(visit.ports.http)
        await wire.says(visit.extremes.stream())
        if visit.is_so(0.3):
            await wire.hears(1)
    await asyncio.sleep(visit.random.uniform(0.5, 8))


async def joins(visit: Visit) -> None:
    """Joins one job on one connection or on many, and has its worker flood who waits for it."""
    submit = request(SUBMIT_JOB, b"joined", b"u%d" % visit.random.getrandbits(60), b"")
    many = visit.is_so(0.5)
    clients = [await visit.connects(visit.ports.gearman) for _ in range(30 if many else 1)]
    for client in clients:
        await client.says(submit * (20 if many else 1500))
    worker = await visit.connects(visit.ports.gearman)
    handle = await job_of(worker, b"joined")
    flood = request(WORK_DATA, handle, bytes(500)) + request(WORK_STATUS, handle, b"9" * 5000, b"1")
    await worker.says(flood * 20)
    await asyncio.sleep(visit.random.random())
    await worker.says(request(WORK_COMPLETE, handle, b""))
    for client in clients[:5]:
        await client.hears_out(1)


async def lost_worker(visit: Visit) -> None:
    """Takes jobs and dies of them, or says more of them than a packet may have."""
    client = await visit.connects(visit.ports.gearman)
    function = b"lost-%d" % visit.random.getrandbits(60)
    await client.says(request(SUBMIT_JOB, function, b"", b"poison"))
    await client.hears()
    for _ in range(visit.random.choice((1, 21))):
        worker = await visit.connects(visit.ports.gearman)
        handle = await job_of(worker, function)
        if visit.is_so(0.1):
            await worker.says(HEADER.pack(REQUEST, WORK_COMPLETE, 65 * MIB) + handle + b"\0", bytes(MIB))
        worker.reset()
    await client.hears_out(0.1)


async def schedules(visit: Visit) -> None:
    """Makes schedules, more than one function may have."""
    wire = await visit.connects(visit.ports.gearman)
    function = b"tick-%d" % visit.random.randrange(3)
    for number in range(SCHEDULES):
        unique = b"%d" % (visit.random.randrange(4) * SCHEDULES + number)
        await wire.says(request(SUBMIT_JOB_SCHED, function, unique, b"0", b"0", b"1", b"1", b"", b"w"))
    await wire.hears_out(3)


async def long_list(visit: Visit) -> None:
    """Makes a hundred thousand functions, asks for every list of them, and takes them away again."""
    worker = await visit.connects(visit.ports.gearman)
    start = visit.random.getrandbits(40)
    for part in range(0, ROWS, 1000):
        rows = [request(CAN_DO, b"row-%d" % (start + number)) for number in range(part, part + 1000)]
        await worker.says(*rows)
    await worker.says(b"version\n")
    await worker.hears()
    asker = await visit.connects(visit.ports.gearman)
    for question in LISTS:
        await asker.says(question + b"\n")
        await asker.hears_out(PATIENCE_OF_LISTS, b"\n.\n")
    paths = (b"metrics", b"api/v1/functions", b"api/v1/workers")
    for path in paths:
        caller = await visit.connects(visit.ports.http)
        await caller.says(GET % path + b"Connection: close\r\n\r\n")
        await caller.hears_out(PATIENCE_OF_LISTS)


# Those that say what makes no sense


async def extreme_packets(visit: Visit) -> None:
    """Nesting, digits and names in every argument of every packet."""
    wire = await visit.connects(visit.ports.gearman)
    for _ in range(20):
        await wire.says(visit.extremes.packet())
    await wire.hears_out(1)


async def extreme_lines(visit: Visit) -> None:
    """The same in every text verb."""
    wire = await visit.connects(visit.ports.gearman)
    for _ in range(10):
        await wire.says(visit.extremes.line())
    await wire.hears_out(1)


async def extreme_calls(visit: Visit) -> None:
    """The same in every operation of the API."""
    wire = await visit.connects(visit.ports.http)
    for _ in range(5):
        await wire.says(visit.extremes.call())
    await wire.hears_out(1)


async def extreme_heads(visit: Visit) -> None:
    """Long heads, trailers and numbers of HTTP."""
    wire = await visit.connects(visit.random.choice((visit.ports.http, visit.ports.gear_http)))
    await wire.says(visit.extremes.head())
    await wire.hears_out(2)


async def noise(visit: Visit) -> None:
    """Damaged packets, lines and requests."""
    made_up = Noise(str(visit.random.getrandbits(60)))
    port, say = visit.random.choice(
        (
            (visit.ports.gearman, made_up.packet),
            (visit.ports.gearman, made_up.line),
            (visit.ports.http, made_up.request),
            (visit.ports.gear_http, made_up.request),
        )
    )
    wire = await visit.connects(port)
    for _ in range(10):
        await wire.says(say())
    await wire.hears_out(1)


async def wrong_tls(visit: Visit) -> None:
    """Speaks no TLS, half of it, or plain Gearman to TLS."""
    said = visit.random.choice(
        (Noise(str(visit.random.random())).record(), GET % b"" + b"\r\n", b"version\n", bytes(70_000))
    )
    wire = await visit.connects(visit.ports.tls)
    await wire.says(said)
    await wire.hears_out(5)


async def silence_in_tls(visit: Visit) -> None:
    """Agrees on TLS, and then says what makes no sense, or nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    wire = await visit.connects(visit.ports.tls, context=context)
    if visit.is_so(0.7):
        await wire.says(visit.extremes.packet())
    await wire.hears_out(visit.random.uniform(0.1, 5))


async def long_names(visit: Visit) -> None:
    """Names, ids and options around their bounds, thousands of them."""
    wire = await visit.connects(visit.ports.gearman)
    for _ in range(100):
        name = visit.extremes.name().replace(b"\0", b"")
        kind = visit.random.choice((CAN_DO, SET_CLIENT_ID, OPTION_REQ))
        await wire.says(request(kind, name))
    await wire.hears_out(1)


# Those that may do nothing


async def stranger(visit: Visit) -> None:
    """Asks for everything, without any right."""
    wire = await visit.connects(visit.ports.gearman, stranger=True)
    said = [visit.extremes.packet() for _ in range(5)]
    said += [verb + b" * *\r\n" for verb in visit.random.sample(list(VERBS), 5)]
    said += [HEADER.pack(REQUEST, SUBMIT_JOB_BG, 70_000) + bytes(70_000)] * visit.is_so(0.2)
    said += [request(OPTION_REQ, b"token:" + visit.extremes.name()[:100])] * visit.is_so(0.2)
    await wire.says(*said)
    await wire.hears_out(3)


async def stranger_by_http(visit: Visit) -> None:
    """The same over HTTP."""
    wire = await visit.connects(visit.ports.http, stranger=True)
    await wire.says(visit.extremes.call())
    await wire.hears_out(1)


async def job_of(worker: Wire, function: bytes) -> bytes:
    """The handle of the job that a worker gets."""
    await worker.says(request(CAN_DO, function), request(GRAB_JOB))
    return handle_in(await worker.hears(5))


class Act(Protocol):
    """What one peer does."""

    __name__: str

    def __call__(self, visit: Visit) -> Awaitable[None]: ...


class Kind(NamedTuple):
    """A kind of hostile peer."""

    act: Act
    hourly: int  # how many of them an hour brings

    def name(self) -> str:
        return self.act.__name__


KINDS: Final = (
    Kind(silent, 4000),
    Kind(half_a_head, 2000),
    Kind(half_a_packet, 1200),
    Kind(churn, 4000),
    Kind(too_large, 600),
    Kind(slow_reader, 600),
    Kind(reader_of_nothing, 10),
    Kind(functions_without_end, 600),
    Kind(pipeline, 600),
    Kind(streams, 600),
    Kind(joins, 200),
    Kind(lost_worker, 200),
    Kind(schedules, 60),
    Kind(long_list, 10),
    Kind(extreme_packets, 1200),
    Kind(extreme_lines, 1200),
    Kind(extreme_calls, 1200),
    Kind(extreme_heads, 1200),
    Kind(noise, 1200),
    Kind(wrong_tls, 600),
    Kind(silence_in_tls, 600),
    Kind(long_names, 300),
    Kind(stranger, 1200),
    Kind(stranger_by_http, 600),
)
