#!/usr/bin/python3
# Copyright (C) the ngx_trading authors
# SPDX-License-Identifier: BSD-2-Clause

"""What marketd must hold after a feed: the rules, written a second time.

An independent, slow and plain implementation with decimal.Decimal, with
which tests compare the quotes of the C code. Give it what was sent, in order,
either message by message (Oracle.message, Oracle.rest) or as files (from_files,
or the command line); a file written by feed_server.py --record holds both.

Rules
  last       trade p, if t is above every trade id seen (or the trade is
             refused as old); 24hrTicker c if its L is not below them; REST
             lastPrice if lastId is not below them; 24hrMiniTicker c if its E
             is neither before the newest trade's E nor before the time of the
             24 h values held.
  bid, ask   bookTicker by u (an equal or older u never overwrites); those of
             24hrTicker and REST only until the connection's first bookTicker,
             and only if they are not older than the 24 h values held.
  24 h       open, high, low, volumes from REST (closeTime), 24hrTicker and
             24hrMiniTicker (E), the newest time wins, on a tie the later to
             arrive; last widens high and low, if known. A volume beyond 64
             bits of 10^-8 is unknown and does not refuse its message.
  change     (last - open) / open * 100, 3 decimals, half away from zero; None
             without an open.
  timestamp  the newest E (REST: closeTime) of an accepted message.
  refused    a message with an absurd value changes nothing at all: a price that
             is not a plain positive decimal, bid above ask, high below low, a
             quantity or volume below zero, a wrong type, a missing field.
             REST rows of symbols that never traded are refused by this.
Not modelled: bounds on jumps and on times from the future, which are settings,
and ids that start over on a feed that had gone stale.
"""

import argparse
import json
import re
from decimal import ROUND_HALF_UP, Decimal

from recording import Message, read_merged, shift_times
from feed_rest import load

PLAIN = re.compile(r'[0-9]{1,40}(\.[0-9]{1,20})?$')
THOUSANDTH = Decimal('0.001')
LARGEST = Decimal(2 ** 63 - 1) / 10 ** 8      # what 64 bits of 10^-8 can hold
FIELDS = ('last', 'bid', 'ask', 'open_24h', 'high_24h', 'low_24h', 'volume',
          'quote_volume', 'price_change_24h', 'timestamp')


class Absurd(Exception):
    """A message to be refused whole."""


def quantity(event, key):
    text = event.get(key)
    if not isinstance(text, str) or not PLAIN.match(text):
        raise Absurd(key)
    return Decimal(text)


def price(event, key):
    value = quantity(event, key)
    if value <= 0 or value > LARGEST:
        raise Absurd(key)
    return value


def volume(event, key):
    value = quantity(event, key)
    return value if value <= LARGEST else None


def integer(event, key):
    value = event.get(key)
    if type(value) is not int or not -1 <= value < 2 ** 63:
        raise Absurd(key)
    return value


class Quote:
    """One symbol's state."""

    def __init__(self):
        self.last = self.bid = self.ask = None
        self.open = self.high = self.low = None
        self.volume = self.quote_volume = None
        self.trade_id = -1          # newest seen, whoever told it
        self.trade_ms = -1          # E of the newest trade
        self.day_ms = -1            # time of the 24 h fields
        self.time_ms = -1
        self.update_id = -1
        self.book_seen = False      # on this connection

    def widen(self):
        if self.last is not None and self.high is not None:
            self.high = max(self.high, self.last)
            self.low = min(self.low, self.last)

    def change(self):
        if self.last is None or not self.open:
            return None
        percent = (self.last - self.open) / self.open * 100
        return percent.quantize(THOUSANDTH, rounding=ROUND_HALF_UP)


class Oracle:
    """The whole market. zero_book: "refuse" (a ticker or REST row with a zero
    bid or ask is absurd) or "absent" (that side is unknown)."""

    def __init__(self, zero_book='refuse'):
        self.quotes = {}
        self.zero_book = zero_book
        self.refused = []
        self.seen = 0

    def quote(self, symbol):
        return self.quotes.setdefault(symbol, Quote())

    def reconnect(self):
        """A new connection: its first bookTicker is still to come."""
        for quote in self.quotes.values():
            quote.book_seen = False

    def message(self, data, stream=None):
        """Apply one event (bytes, text or object), without its envelope."""
        self.seen += 1
        try:
            event = data if isinstance(data, dict) else json.loads(data)
            if not isinstance(event, dict):
                raise Absurd('not an object')
            kind = event.get('e')
            if kind is None and 'u' in event and 'b' in event:
                kind = 'bookTicker'
            apply = {'trade': self._trade, 'bookTicker': self._book,
                     '24hrTicker': self._ticker,
                     '24hrMiniTicker': self._mini}.get(kind)
            if apply is None:
                return
            if not isinstance(event.get('s'), str):
                raise Absurd('s')
            apply(event)
        except (Absurd, ValueError) as why:
            self.refused.append((stream, str(why)))

    def rest(self, row, time_ms=None):
        """Apply one object of ticker/24hr."""
        try:
            self._rest(row, time_ms)
        except Absurd as why:
            self.refused.append((row.get('symbol'), str(why)))

    def _trade(self, event):
        ident, at = integer(event, 't'), integer(event, 'E')
        value = price(event, 'p')
        if quantity(event, 'q') <= 0:
            raise Absurd('q')
        quote = self.quote(event['s'])
        if ident <= quote.trade_id:
            raise Absurd('old')
        quote.time_ms = max(quote.time_ms, at)
        quote.trade_ms = at
        quote.trade_id = ident
        quote.last = value
        quote.widen()

    def _book(self, event):
        update = integer(event, 'u')
        bid, ask = price(event, 'b'), price(event, 'a')
        if bid > ask:
            raise Absurd('bid above ask')
        quote = self.quote(event['s'])
        quote.book_seen = True
        if update > quote.update_id:
            quote.update_id = update
            quote.bid, quote.ask = bid, ask

    def _sides(self, event, bid_key, ask_key):
        if self.zero_book == 'refuse':
            bid, ask = price(event, bid_key), price(event, ask_key)
        else:
            bid = quantity(event, bid_key) or None
            ask = quantity(event, ask_key) or None
        if bid and ask and bid > ask:
            raise Absurd('bid above ask')
        return bid, ask

    @staticmethod
    def _day(event, keys):
        open_, high, low = (price(event, key) for key in keys[:3])
        if high < low:
            raise Absurd('high below low')
        return (open_, high, low, volume(event, keys[3]),
                volume(event, keys[4]))

    @staticmethod
    def _set_day(quote, at, day):
        if at >= quote.day_ms:
            quote.day_ms = at
            (quote.open, quote.high, quote.low, quote.volume,
             quote.quote_volume) = day
        quote.widen()

    def _full(self, symbol, at, ident, value, sides, day):
        quote = self.quote(symbol)
        quote.time_ms = max(quote.time_ms, at)
        if ident >= quote.trade_id:
            quote.trade_id = ident
            quote.last = value
        if not quote.book_seen and at >= quote.day_ms:
            quote.bid, quote.ask = sides
        self._set_day(quote, at, day)

    def _ticker(self, event):
        self._full(event['s'], integer(event, 'E'), integer(event, 'L'),
                   price(event, 'c'), self._sides(event, 'b', 'a'),
                   self._day(event, 'ohlvq'))

    def _rest(self, row, time_ms):
        at = integer(row, 'closeTime') if time_ms is None else time_ms
        self._full(row['symbol'], at, integer(row, 'lastId'),
                   price(row, 'lastPrice'),
                   self._sides(row, 'bidPrice', 'askPrice'),
                   self._day(row, ('openPrice', 'highPrice', 'lowPrice',
                                   'volume', 'quoteVolume')))

    def _mini(self, event):
        at, value = integer(event, 'E'), price(event, 'c')
        day = self._day(event, 'ohlvq')
        quote = self.quote(event['s'])
        quote.time_ms = max(quote.time_ms, at)
        if at >= quote.trade_ms and at >= quote.day_ms:
            quote.last = value
        self._set_day(quote, at, day)

    def expected(self, symbol):
        """The quote as decimal strings (timestamp: ms), None for unknown."""
        quote = self.quotes.get(symbol)
        if quote is None:
            return dict.fromkeys(FIELDS)
        values = (quote.last, quote.bid, quote.ask, quote.open, quote.high,
                  quote.low, quote.volume, quote.quote_volume,
                  quote.change(), None)
        result = {name: None if value is None else f'{value:f}'
                  for name, value in zip(FIELDS, values)}
        if quote.time_ms >= 0:
            result['timestamp'] = str(quote.time_ms)
        return result


def from_files(recordings, rest=(), limit=None, shift_ms=0, rest_time_ms=None,
               symbols=None, zero_book='refuse'):
    """REST files first, then the recordings merged by receive time; REST
    answers inside a recording (feed_server.py --record) apply in their place.
    limit counts messages. symbols: what the client subscribed to."""
    oracle = Oracle(zero_book)

    def wanted(symbol):
        return symbols is None or symbol in symbols
    for path in rest:
        for row in load(path):
            if wanted(row['symbol']):
                oracle.rest(row, rest_time_ms)
    number = 0
    for item in read_merged(recordings, rest=True):
        if not isinstance(item, Message):
            if '/ticker/24hr' in item.url:
                rows = json.loads(item.body)
                for row in rows if isinstance(rows, list) else [rows]:
                    if wanted(row['symbol']):
                        oracle.rest(row)
            continue
        if limit is not None and number >= limit:
            break
        number += 1
        if wanted(item.stream.partition('@')[0].upper()):
            oracle.message(shift_times(item.data, shift_ms), item.stream)
    return oracle


def expected(symbol, recordings, rest=(), **options):
    """The final quote of one symbol; options as in from_files."""
    return from_files(recordings, rest, **options).expected(symbol)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('recordings', nargs='*', metavar='RECORDING')
    parser.add_argument('--rest', nargs='*', default=[], metavar='FILE')
    parser.add_argument('--limit', type=int)
    parser.add_argument('--shift-ms', type=int, default=0)
    parser.add_argument('--rest-time-ms', type=int)
    parser.add_argument('--symbols', type=lambda text: text.split(','))
    parser.add_argument('--zero-book', choices=('refuse', 'absent'),
                        default='refuse')
    args = parser.parse_args()
    oracle = from_files(args.recordings, args.rest, args.limit, args.shift_ms,
                        args.rest_time_ms, args.symbols, args.zero_book)
    names = args.symbols or sorted(oracle.quotes)
    print(json.dumps({name: oracle.expected(name) for name in names},
                     indent=1))


if __name__ == '__main__':
    main()
