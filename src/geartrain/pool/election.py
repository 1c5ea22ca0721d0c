"""Election: which server leads which shard, as leases in the engine say it."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final

from geartrain.broker.deadlines import NEVER
from geartrain.errors import StoreError
from geartrain.pool.card import Card, card_in, card_of
from geartrain.pool.leadership import Leadership
from geartrain.pool.losses import Losses
from geartrain.pool.registry import Lease
from geartrain.relay.exchange import Doorway

if TYPE_CHECKING:
    from geartrain.pool.desk import PoolDesk

BEATS: Final = 10  # in the time after which a silent server is given up
HURRY: Final = 0.05  # seconds between looks while a shard has no leader
MARGIN: Final = 0.8  # of a lease: after it, nothing is handed out until the lease is renewed
EMPTY_LOOKS: Final = 3  # in a row: then a shard is led also by who leads its share already
OFFERED_LOOKS: Final = 8  # further ones after which a shard that nobody takes is led again by who offered it
LAST_BEATS: Final = 1.5  # beats without a word: then a server that was stopping has ended
LAST_WORDS: Final = 0.01  # seconds to read what the last leader said, before another one is asked
SILENT: Final = (
    3  # beats without a word: then a server whose port is closed is gone, and our own look is late
)


class Election:
    """Looks at the pool again and again, leads what it falls to this server to lead, and follows the others."""

    def __init__(self, desk: PoolDesk) -> None:
        self.desk = desk
        self.registry = desk.registry
        self.log = desk.log
        self.leaderships: dict[int, Leadership] = {}  # by shard
        self.leases: list[Lease | None] = [None] * desk.shards
        self.empty_looks = [0] * desk.shards  # in a row that found no lease
        self.members: dict[str, Card] = {desk.me: desk.card}  # the servers, by id
        self.losses = Losses(self.log, desk.shards)
        self.hurry = asyncio.Event()
        self.failure = ""  # why the last look failed
        self.looked_at = NEVER  # when the last look succeeded, by monotonic time
        self.well_since = -NEVER  # since when no look has failed, or come late
        self.began_at = desk.loop.time()  # monotonic time
        self.handing_over: set[int] = set()  # shards whose lease we are about to give up
        self.offered: int | None = None  # the shard that was last offered to a server that leads fewer
        self.offer_after = -NEVER  # when the next one may be, by monotonic time

    async def watch(self) -> None:
        """Look at the pool for ever."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self.pause()):
                    await self.hurry.wait()
            self.hurry.clear()
            try:
                await self.look()
                self.say("")
            except StoreError as error:
                self.say(str(error))
            self.desk.take_turn()

    def pause(self) -> float:
        """Seconds until the next look."""
        opened = {shard for shard, leadership in self.leaderships.items() if leadership.opened}
        led = self.desk.neighbours.leaders.keys() | opened
        return self.beat() if len(led) == self.desk.shards else HURRY

    def beat(self) -> float:
        """Seconds between two looks while every shard is led."""
        return self.desk.heartbeat / BEATS

    def say(self, failure: str) -> None:
        """Tell the log when the engine is not reached, and when it is again."""
        if failure and failure != self.failure:
            self.log.error("the engine of the pool does not answer", extra={"error": failure})
        elif self.failure and not failure:
            self.log.warning("the engine of the pool answers again")
        self.failure = failure

    def is_well_for(self, seconds: float) -> bool:
        """Whether we have looked for so long without a gap: before that, the silence of others says nothing."""
        return not self.failure and self.desk.loop.time() - self.well_since >= seconds

    async def look(self) -> None:
        """Say that we are here, see who else is, and who leads. Raises StoreError."""
        desk = self.desk
        members = await self.registry.beat(desk.me, desk.about_me().text())
        now = desk.loop.time()
        if now - self.looked_at > SILENT * self.beat():
            self.well_since = now
        self.members = self.unforgotten(now) | {member.server: card_of(member) for member in members}
        self.looked_at = now
        self.losses.learn([*self.members.values(), desk.about_me()])
        await self.forget_ended()
        if self.is_well_for(desk.heartbeat):
            desk.neighbours.part_with_silent(self.members)
            desk.neighbours.part_with_deaf()
        ends = await asyncio.gather(*map(self.look_at, range(desk.shards)), return_exceptions=True)
        if desk.stopping and self.heirs():
            self.step_down()
        self.share()
        desk.secrets = await self.secrets()
        for end in ends:
            if isinstance(end, BaseException):
                raise end

    async def secrets(self) -> list[bytes]:
        """The pool's secrets. Where the engine has lost them it gets back the one that we know. Raises StoreError."""
        known = self.desk.secrets
        found = await self.registry.secrets()
        if found or not known:
            return found
        await self.registry.join(known[0].decode())
        return await self.registry.secrets()

    def unforgotten(self, now: float) -> dict[str, Card]:
        """The servers that have a link to us, should the engine have forgotten them."""
        return {
            id: card._replace(age=card.age + now - self.looked_at)
            for id, card in self.members.items()
            if id in self.desk.neighbours.guests
        }

    async def look_at(self, shard: int) -> None:
        """See who leads a shard; lead it, go on leading it, or follow. Raises StoreError."""
        leadership = self.leaderships.get(shard)
        if leadership is not None and not leadership.closed:
            return await self.renew(leadership)
        lease = self.leases[shard] = await self.registry.lease(shard)
        if lease is not None:
            self.empty_looks[shard] = 0
            if self.is_left_behind(shard, lease) and not self.desk.stopping:
                return await self.take_lease(shard, lease.token)
            if shard == self.offered:
                self.offered = None
            if self.desk.neighbours.follows_another(shard, lease):
                await asyncio.sleep(LAST_WORDS)
            return self.desk.neighbours.follow(shard, lease)
        self.empty_looks[shard] += 1
        await self.stand(shard)

    def others(self) -> set[str]:
        """The other servers that are there."""
        broken = self.desk.neighbours.broken
        silence = self.desk.heartbeat if self.is_well_for(self.desk.heartbeat) else NEVER
        return {
            id
            for id, member in self.members.items()
            if id != self.desk.me and member.age < silence and id not in broken and not self.has_ended(member)
        }

    def heirs(self) -> list[str]:
        """The other servers that can lead what this one leads: they have a link to us, and live."""
        silence = SILENT * self.beat()
        return [
            id
            for id in self.others() & self.desk.neighbours.guests.keys()
            if not self.members[id].stopping and self.members[id].age < silence
        ]

    # What was at our address before

    def was_here(self, card: Card) -> bool:
        """Whether a server was at our address before us: it has not said a word since we began."""
        if card.server == self.desk.me or card.address != self.desk.card.address:
            return False
        member = self.members.get(card.server)
        return member is None or member.age >= self.desk.loop.time() - self.began_at

    def has_ended(self, member: Card) -> bool:
        """Whether a server cannot be there any more, as we are at its address.

        One that stops closes its port, and may live on until its running jobs have ended.
        """
        return self.was_here(member) and (not member.stopping or member.age > LAST_BEATS * self.beat())

    async def forget_ended(self) -> None:
        """Have all servers forget those in whose place we are, so that nobody waits for them. Raises StoreError."""
        for member in list(self.members.values()):
            if self.has_ended(member):
                await self.registry.leave(member.server)
                del self.members[member.server]

    def is_left_behind(self, shard: int, lease: Lease) -> bool:
        """Whether nobody leads by a lease: it is that of a server in whose place we are, or one we could not give up.

        A server that stops at our address may lead by it: it is fenced then, and its peers lose nothing.
        """
        leader = card_in(lease)
        if leader.server == self.desk.me:
            return shard not in self.leaderships and shard not in self.handing_over
        return self.was_here(leader)

    # Leading

    async def renew(self, leadership: Leadership) -> None:
        """Go on leading, as long as the engine says so."""
        asked_at = self.desk.loop.time()
        shard, token, heartbeat = leadership.shard, leadership.token, self.desk.heartbeat
        # Only whoever led until now may take a lost lease again, also if the engine was away for long.
        number = leadership.broker.last_handle if leadership.is_safe() or self.failure else 0
        text = self.desk.about_me().text() if number else ""
        lease = await self.registry.renew(shard, token, heartbeat, text, number)
        if leadership.closed:
            return None
        if lease is None or lease.token != token:
            return leadership.lose()
        if lease.lost:
            self.losses.tell(shard, leadership.write_back())
        self.leases[leadership.shard] = lease
        leadership.renew(asked_at + self.desk.heartbeat * MARGIN)
        await leadership.look_at_replicas()

    async def stand(self, shard: int) -> None:
        """Lead a shard that nobody leads, unless it is rather another server's turn: who led it, above all."""
        if not self.is_well_for(SILENT * self.beat()) or await self.will_be_restored(shard):
            return
        if not self.desk.stopping and (self.has_room() or self.empty_looks[shard] > EMPTY_LOOKS):
            await self.take_lease(shard, "")

    async def will_be_restored(self, shard: int) -> bool:
        """Whether the engine has lost the data of a shard, and its leader lives, who has it."""
        if shard not in self.desk.neighbours.leaders or self.empty_looks[shard] > BEATS:
            return False
        # Whoever is followed has had the engine keep a number, if it has handed out a job.
        return await self.registry.number(shard) < max(self.losses.numbers[shard], 1)

    def has_room(self) -> bool:
        """Whether this server leads less than its share."""
        servers = 1 + sum(not self.members[id].stopping for id in self.others())
        return len(self.leaderships) < -(-self.desk.shards // servers)

    async def replace_dead(self, dead: Card) -> None:
        """Lead instead of a server whose process is gone: it had a link, or is silent, and its port is closed."""
        broken = self.desk.neighbours.broken
        member = self.members.get(dead.server)
        silent = member is None or member.age > SILENT * self.beat()
        if self.desk.stopping or not (dead.server in broken or silent):
            return
        broken.add(dead.server)
        for shard, lease in enumerate(self.leases):
            if lease is not None and card_in(lease).server == dead.server and shard not in self.leaderships:
                with suppress(StoreError):
                    await self.take_lease(shard, lease.token)

    async def take_lease(self, shard: int, instead_of: str) -> None:
        """Lead a shard, if no other server comes before. Raises StoreError."""
        token = secrets.token_hex(8)
        asked_at = self.desk.loop.time()
        text = self.desk.about_me().text()
        lease = await self.registry.lead(shard, token, text, self.desk.heartbeat, instead_of)
        self.leases[shard] = lease
        if lease.token == token:
            self.take_shard(shard, token, asked_at + self.desk.heartbeat * MARGIN)
        else:
            self.desk.neighbours.follow(shard, lease)

    def take_shard(self, shard: int, token: str, safe_until: float) -> None:
        """The lease is ours."""
        self.desk.neighbours.unfollow(shard)
        if shard == self.offered:  # nobody wanted it
            self.offered = None
            self.offer_after = self.desk.loop.time() + self.desk.heartbeat
        leadership = Leadership(
            shard,
            token,
            self.desk.store_for(shard, token),
            self.desk.broker_for(shard),
            self.desk.payload_limit,
            self.desk.exchange.tell,
            self.desk.read,
            self.log,
            partial(self.lose, shard),
            self.desk.commits,
        )
        leadership.safe_until = safe_until
        self.leaderships[shard] = leadership
        self.desk.begin(self.load(leadership))

    async def load(self, leadership: Leadership) -> None:
        """Have the jobs of a shard, and hear the fronts."""
        shard = leadership.shard
        try:
            if await leadership.load(self.losses.numbers[shard]):
                self.losses.tell(
                    shard,
                    "no server has its queued jobs any more, and the numbers of new jobs go on far behind"
                    f" the last one that is known, {self.losses.numbers[shard]}",
                )
        except StoreError as error:
            if self.leaderships.get(shard) is leadership:
                self.log.error("a shard cannot be led", extra={"shard": shard, "error": str(error)})
                await self.give_up(leadership)
        if self.leaderships.get(shard) is not leadership:
            await leadership.let_go()
        else:
            self.desk.exchange.seats[shard] = leadership.seat
            self.desk.hub.lead(shard, Doorway(self.desk.me, leadership.seat).send)
            self.log.log(
                self.desk.around.notice,
                "leading",
                extra={"shard": shard, "jobs": len(leadership.broker.jobs)},
            )
            self.desk.take_turn()

    def lose(self, shard: int) -> None:
        """The lease of a shard that we led is another server's."""
        self.log.warning("another server leads", extra={"shard": shard})
        self.drop(shard)
        self.hurry.set()

    def drop(self, shard: int) -> None:
        """Do not lead a shard any more."""
        leadership = self.leaderships.pop(shard, None)
        if leadership is not None:
            self.desk.exchange.seats.pop(shard, None)
            self.desk.hub.part(shard)
            leadership.say_gone(set(self.desk.neighbours.guests))
            self.desk.begin(leadership.let_go())

    def step_down(self) -> None:
        """Let others lead."""
        for shard in list(self.leaderships):
            self.desk.begin(self.hand_over(shard))

    async def hand_over(self, shard: int) -> None:
        """Let another server lead."""
        leadership = self.leaderships.get(shard)
        if leadership is None or leadership.closed:
            return
        if leadership.loaded:
            await leadership.close()
        if self.leaderships.get(shard) is leadership:
            await self.give_up(leadership)
        self.hurry.set()

    async def give_up(self, leadership: Leadership) -> None:
        """Lead a shard no more, and let it be led."""
        shard = leadership.shard
        self.handing_over.add(shard)
        self.drop(shard)
        with suppress(StoreError):
            await self.registry.release(shard, leadership.token)
        self.handing_over.discard(shard)

    def share(self) -> None:
        """Hand one shard to a server that leads fewer, where the difference is more than one."""
        now = self.desk.loop.time()
        if self.desk.stopping or len(self.leaderships) < 2 or None in self.leases or now < self.offer_after:
            return
        if not all(leadership.opened and not leadership.closed for leadership in self.leaderships.values()):
            return
        led = dict.fromkeys(self.heirs(), 0)
        for lease in self.leases:
            holder = "" if lease is None else card_in(lease).server
            if holder in led:
                led[holder] += 1
        if led and min(led.values()) + 1 < len(self.leaderships):
            shard = max(self.leaderships)
            self.empty_looks[shard] = -OFFERED_LOOKS
            self.offered = shard
            self.desk.begin(self.hand_over(shard))
