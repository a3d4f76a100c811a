# Copyright (C) the ngx_trading authors
# SPDX-License-Identifier: BSD-2-Clause

"""Order books and candles as the exchange behind the feed server has them.

Books follows what is played: it applies a symbol's depth differences to the
recorded snapshot (or to one of its own making) and answers REST depth with the
book of that moment, whatever a fault kept from the clients. Candles adds up
the trades that were played and answers REST klines, together with recorded
klines given as files. Both are plain and slow: they are also the tests' oracle.
"""

import json
import re
from decimal import Decimal

from recording import open_any

INTERVALS = {'1m': 60, '5m': 300, '15m': 900, '1h': 3600, '4h': 14400,
             '1d': 86400}
E8 = Decimal('0.00000001')
LIMIT_WEIGHTS = ((100, 5), (500, 25), (1000, 50), (5000, 250))


def depth_weight(limit):
    for most, weight in LIMIT_WEIGHTS:
        if limit <= most:
            return weight
    return LIMIT_WEIGHTS[-1][1]


class Book:
    """One symbol's book: price text by side, as sent."""

    def __init__(self):
        self.last_id = None
        self.sides = {'b': {}, 'a': {}}
        self.waiting = []           # differences before the snapshot

    def snapshot(self, value):
        self.last_id = value['lastUpdateId']
        for side, key in (('b', 'bids'), ('a', 'asks')):
            self.sides[side] = {Decimal(p): (p, q) for p, q in value[key]}
        waiting, self.waiting = self.waiting, []
        for event in waiting:
            self.apply(event)

    def apply(self, event):
        if self.last_id is None:
            self.waiting.append(event)
            return
        if event['u'] <= self.last_id:
            return
        for side in 'ba':
            levels = self.sides[side]
            for price, qty in event[side]:
                if Decimal(qty) == 0:
                    levels.pop(Decimal(price), None)
                else:
                    levels[Decimal(price)] = (price, qty)
        self.last_id = event['u']

    def top(self, limit):
        """(bids, asks), the best first, as [price, quantity] texts."""
        return [[list(self.sides[side][price]) for price in
                 sorted(self.sides[side], reverse=side == 'b')[:limit]]
                for side in 'ba']

    def rest(self, limit):
        bids, asks = self.top(limit)
        return {'lastUpdateId': self.last_id, 'bids': bids, 'asks': asks}


class Books:
    """The books of all symbols, moved on when somebody asks."""

    def __init__(self):
        self.books = {}
        self.recorded = {}          # snapshots as recorded, in order
        self.pending = {}           # played, not applied yet: bytes

    def book(self, symbol):
        return self.books.setdefault(symbol, Book())

    def record(self, symbol, value):
        self.recorded.setdefault(symbol, value)

    def played(self, symbol, data):
        self.pending.setdefault(symbol, []).append(data)

    def now(self, symbol):
        """The book with all that was played, or None."""
        book = self.book(symbol)
        if book.last_id is None and symbol in self.recorded:
            book.snapshot(self.recorded[symbol])
        for data in self.pending.pop(symbol, ()):
            book.apply(json.loads(data))
        return book if book.last_id is not None else None


SYMBOL_OF_URL = re.compile(r'[?&]symbol=([A-Z0-9]+)')
SYMBOL_OF_BIDS = re.compile(rb'"lastUpdateId"')


def snapshots(paths):
    """{symbol: snapshot} of recordings: REST lines, or a bare one in a file of
    one symbol."""
    found = {}
    for path in paths:
        symbols, bare = set(), None
        with open_any(path) as lines:
            for line in lines:
                if b'"s":"' in line[:400]:
                    symbols.update(re.findall(rb'"s":"([A-Z0-9]+)"',
                                              line[:400]))
                if not SYMBOL_OF_BIDS.search(line[:400]):
                    continue
                at = line.index(b'{')
                if b'"stream"' in line[:at + 20]:
                    continue
                url = SYMBOL_OF_URL.search(line[:at].decode())
                value = json.loads(line[at:])
                if url:
                    found.setdefault(url[1], value)
                else:
                    bare = bare or value
        if bare and len(symbols) == 1:
            found.setdefault(symbols.pop().decode(), bare)
    return found


class Ladder:
    """A synthetic book around a market's best prices, and its differences."""

    LEVELS = 40

    def __init__(self, market, rng):
        self.market, self.rng = market, rng
        self.book = Book()
        self.book.last_id = market.update_id
        self._want()

    def _text(self, value):
        return f'{value // 10 ** 8}.{value % 10 ** 8:08d}'

    def _want(self):
        """The levels that there should be, put in place; what changed."""
        market, changes = self.market, {}
        best = {'b': (market.bid, market.bid_qty, -1),
                'a': (market.ask, market.ask_qty, 1)}
        for side, (price, qty, step) in best.items():
            levels, old = {}, self.book.sides[side]
            for n in range(self.LEVELS):
                at = price + step * n * market.tick
                text = self._text(at)
                key = Decimal(text)
                if n == 0:
                    levels[key] = (text, self._text(qty))
                elif key in old and self.rng.random() < 0.9:
                    levels[key] = old[key]
                else:
                    levels[key] = (text, self._text(
                        market.lot * self.rng.randrange(1, 4000)))
            changes[side] = [list(v) for k, v in levels.items()
                             if old.get(k) != v]
            changes[side] += [[old[k][0], '0.00000000'] for k in old
                              if k not in levels]
            self.book.sides[side] = levels
        return changes

    def event(self, now_ms):
        """The difference up to the market's newest update id; stream, text."""
        first = self.book.last_id + 1
        self.market.update_id = max(self.market.update_id, first)
        self.book.last_id = self.market.update_id
        changes = self._want()
        value = {'e': 'depthUpdate', 'E': now_ms, 's': self.market.symbol,
                 'U': first, 'u': self.book.last_id, **changes}
        return (f'{self.market.lower}@depth@100ms',
                json.dumps(value, separators=(',', ':')))


class Candles:
    """Klines of what was traded, and recorded ones."""

    def __init__(self):
        self.minutes = {}           # symbol -> {open ms: [values]}
        self.files = {}             # (symbol, interval) -> rows
        self.seen = {}              # symbol -> last trade id

    def load(self, spec):
        """SYMBOL:INTERVAL=FILE, rows as REST gives them."""
        name, _, path = spec.partition('=')
        symbol, _, interval = name.partition(':')
        with open_any(path) as file:
            rows = json.load(file)
        key = (symbol, interval)
        known = {row[0]: row for row in self.files.get(key, ())}
        known.update({row[0]: row for row in rows})
        self.files[key] = [known[at] for at in sorted(known)]

    def trade(self, data):
        """A trade or aggTrade as played: bytes of its data."""
        event = json.loads(data)
        symbol, aggregate = event['s'], event['e'] == 'aggTrade'
        first = event['f'] if aggregate else event['t']
        last = event['l'] if aggregate else event['t']
        if last <= self.seen.get(symbol, -1):
            return
        self.seen[symbol] = last
        price, qty = Decimal(event['p']), Decimal(event['q'])
        at = event['T'] // 60000 * 60000
        row = self.minutes.setdefault(symbol, {}).setdefault(
            at, [price, price, price, price, Decimal(0), Decimal(0), 0, last])
        row[1], row[2] = max(row[1], price), min(row[2], price)
        row[3] = price
        row[4] += qty
        row[5] += price * qty
        row[6] += last - first + 1
        row[7] = last

    def rows(self, symbol, interval):
        if (symbol, interval) in self.files:
            return self.files[symbol, interval]
        ms = INTERVALS[interval] * 1000
        out = {}
        for at, row in sorted(self.minutes.get(symbol, {}).items()):
            start = at // ms * ms
            if start not in out:
                out[start] = list(row)
                continue
            old = out[start]
            old[1], old[2] = max(old[1], row[1]), min(old[2], row[2])
            old[3] = row[3]
            for n in (4, 5, 6):
                old[n] += row[n]
        return [[at, *(f'{v:.8f}' for v in row[:5]), at + ms - 1,
                 f'{row[5].quantize(E8):.8f}', row[6],
                 '0.00000000', '0.00000000', '0']
                for at, row in sorted(out.items())]

    def rest(self, symbol, interval, start, end, limit):
        rows = [row for row in self.rows(symbol, interval)
                if (start is None or row[0] >= start)
                and (end is None or row[0] <= end)]
        return rows[:limit] if start is not None else rows[-limit:]
