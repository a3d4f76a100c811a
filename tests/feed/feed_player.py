# Copyright (C) the ngx_trading authors
# SPDX-License-Identifier: BSD-2-Clause

"""What the server says by itself: recordings in time, or invented events.

Player plays recorded messages at their own pace, N times faster, or as fast as
clients take them. Synthetic makes events of its own at a steady rate. Both can
be paused, stepped and resumed, and both end quietly: the server stays up.
"""

import asyncio
import json
import random
import time

from feed_depth import Ladder
from recording import event_time_ms, read_merged, shift_times
from wire import Market

BATCH = 256


class Source:
    """Pausing and starting, common to both kinds."""

    def __init__(self, hub, options):
        self.hub, self.options = hub, options
        self.played = 0             # events offered, subscribed to or not
        self.done = False
        self.started = False
        self.shift_ms = 0
        self.running = asyncio.Event()
        if not options.paused:
            self.running.set()

    async def run(self):
        wanted = self.options.start_on_client
        while wanted and sum(len(c.streams)
                             for c in self.hub.clients) < wanted:
            self.hub.subscribed.clear()
            await self.hub.subscribed.wait()
        if wanted:
            await asyncio.sleep(self.options.start_delay)
        self.started = True
        try:
            await self.play()
        finally:
            self.done = True
        if not self.options.hold:
            for client in list(self.hub.clients):
                client.close(1001, 'end of recording')


class Player(Source):
    """Plays recordings, merged by receive time."""

    def __init__(self, hub, options):
        super().__init__(hub, options)
        self.messages = list(read_merged(options.play))
        if options.limit:
            del self.messages[options.limit:]
        self.next = 0

    def _choose_shift(self, first):
        """The offset that makes recorded times now, and never the future.

        At recorded speed or slower the first time becomes now; when playing
        faster, the last one becomes the moment at which it will be sent.
        """
        shift = self.options.shift
        if shift != 'now':
            self.shift_ms = int(shift or 0)
            return
        times = [event_time_ms(m.data) for m in self.messages]
        times = [t for t in times if t is not None]
        if not times:
            return
        now_ms = int(time.time() * 1000)
        speed = self.options.speed
        if speed != 'max' and speed <= 1:
            self.shift_ms = now_ms - times[0]
            return
        span_ns = self.messages[-1].time_ns - first
        wall_ms = 0 if speed == 'max' else span_ns / speed / 1e6
        self.shift_ms = now_ms + int(wall_ms) - max(times)

    def _publish(self, message):
        data = message.data
        if self.shift_ms:
            data = shift_times(data, self.shift_ms)
        if message.stream in self.hub.by_stream:
            self.hub.publish(message.stream, data)
        self.hub.happen(message.stream, data)
        self.played += 1
        self.next += 1

    async def play(self):
        while self.messages:
            self.next = 0
            await self._pass()
            if not self.options.loop:
                return

    async def _pass(self):
        first = self.messages[0].time_ns
        self._choose_shift(first)
        speed = self.options.speed
        begun = time.monotonic_ns()
        total = len(self.messages)
        while self.next < total:
            if not self.running.is_set():
                await self.hub.flush()
                paused = time.monotonic_ns()
                await self.running.wait()
                begun += time.monotonic_ns() - paused
                continue
            if speed == 'max':
                for message in self.messages[self.next:self.next + BATCH]:
                    self._publish(message)
                await self.hub.flush()
                await asyncio.sleep(0)
                continue
            due = first + (time.monotonic_ns() - begun) * speed
            sent = 0
            while self.next < total and sent < BATCH \
                    and self.messages[self.next].time_ns <= due:
                self._publish(self.messages[self.next])
                sent += 1
            await self.hub.flush()
            if sent < BATCH and self.next < total:
                wait = (self.messages[self.next].time_ns - due) / speed / 1e9
                await asyncio.sleep(min(0.05, max(0.001, wait)))

    async def step(self, count):
        """While paused: send the next count messages; how many there were."""
        batch = self.messages[self.next:self.next + count]
        for message in batch:
            self._publish(message)
        await self.hub.flush()
        return len(batch)


class Synthetic(Source):
    """Invents trade, bookTicker and 24hrTicker events, seeded."""

    def __init__(self, hub, options):
        super().__init__(hub, options)
        self.rng = random.Random(options.seed)
        now_ms = int(time.time() * 1000)
        self.markets = {s: Market(s, self.rng, now_ms)
                        for s in options.synthetic}
        self.list = list(self.markets.values())
        ladders = random.Random(options.seed + 1)
        self.ladders = {s: Ladder(m, ladders)
                        for s, m in self.markets.items()}
        for symbol, ladder in self.ladders.items():
            hub.books.books[symbol] = ladder.book

    def _publish(self):
        market = self.list[self.played % len(self.list)]
        draw = self.rng.random()
        now_ms = int(time.time() * 1000)
        make = market.trade if draw < 0.45 else \
            market.book if draw < 0.9 else market.ticker
        stream, text = make(now_ms)
        self.hub.publish(stream, text.encode())
        if make == market.trade:
            self.hub.happen(stream, text.encode())
        elif make == market.book:
            self._depth(market, now_ms)
        self.played += 1

    def _depth(self, market, now_ms):
        """The same change as a difference and as a partial book."""
        ladder = self.ladders[market.symbol]
        stream, text = ladder.event(now_ms)
        self.hub.publish(stream, text.encode())
        partial = market.lower + '@depth20@100ms'
        if partial in self.hub.by_stream:
            self.hub.publish(partial, json.dumps(
                ladder.book.rest(20), separators=(',', ':')).encode())

    async def play(self):
        begun, offered = time.monotonic(), 0
        limit = self.options.limit
        while not limit or self.played < limit:
            await self.running.wait()
            due = int((time.monotonic() - begun) * self.options.rate)
            if due - offered > 4 * BATCH:       # was paused or is too slow
                begun, offered = time.monotonic(), 0
                due = BATCH
            for _ in range(min(BATCH, due - offered)):
                if limit and self.played >= limit:
                    break
                self._publish()
                offered += 1
            await self.hub.flush()
            await asyncio.sleep(0 if due - offered > 0
                                else max(0.001, 0.5 / self.options.rate))

    async def step(self, count):
        for _ in range(count):
            self._publish()
        await self.hub.flush()
        return count
