# Copyright (C) the ngx_trading authors
# SPDX-License-Identifier: BSD-2-Clause

"""Readers of recorded feeds, and the shifting of their times.

Line forms, told apart line by line, in plain or gzip files:
    <ns> <json>                  receive time in nanoseconds
    <s.frac>: <json>             receive time in seconds
    <json>                       no receive time: its own E, else the line
                                 before
    wss://... <-> <s>            what was subscribed; skipped
    http...://... -> <s>: <json> a REST answer, where it arrived
Blank lines and subscribe replies are skipped.

A message is kept as the bytes that were recorded: the stream name and the text
of its data. Nothing is parsed and written again, so what is played is what the
exchange sent, except for the digits of the times when shifting is asked for.
"""

import gzip
import heapq
import re
from dataclasses import dataclass

ENVELOPE = re.compile(rb'\{"stream":"([^"\\]+)","data":(.*)\}\s*$', re.S)
EVENT = re.compile(rb'"e":"([^"\\]+)"')
SYMBOL = re.compile(rb'"s":"([^"\\]+)"')
INTERVAL = re.compile(rb'"i":"([^"\\]+)"')
NS_LINE = re.compile(rb'(\d{16,20}) (.*)$', re.S)
SEC_LINE = re.compile(rb'(\d{9,11})(?:\.(\d+))?: (.*)$', re.S)
REST_LINE = re.compile(rb'(https?://\S+) -> (\d+)(?:\.(\d+))?: (.*)$', re.S)

# the keys that hold exchange times, by event; T and t are ids elsewhere
TIME_KEYS = {
    b'trade': b'ET',
    b'aggTrade': b'ET',
    b'24hrTicker': b'EOC',
    b'24hrMiniTicker': b'E',
    b'1hTicker': b'EOC',
    b'4hTicker': b'EOC',
    b'1dTicker': b'EOC',
    b'kline': b'EtT',
    b'depthUpdate': b'E',
    b'avgPrice': b'ET',
    b'serverShutdown': b'E',
}
TIME_RES = {event: re.compile(rb'("[' + keys + rb']":)(\d{13,16})(?=[,}\s])')
            for event, keys in TIME_KEYS.items()}
EVENT_TIME = re.compile(rb'"E":(\d{13,16})')

STREAM_OF = {b'trade': b'@trade', b'aggTrade': b'@aggTrade',
             b'24hrTicker': b'@ticker', b'24hrMiniTicker': b'@miniTicker',
             b'depthUpdate': b'@depth@100ms', b'avgPrice': b'@avgPrice'}


@dataclass(slots=True)
class Message:
    """One stream event as recorded."""
    time_ns: int
    stream: str
    data: bytes


@dataclass(slots=True)
class RestAnswer:
    """One REST answer as recorded, with the URL that was asked."""
    time_ns: int
    url: str
    body: bytes


def open_any(path):
    path = str(path)
    return gzip.open(path, 'rb') if path.endswith('.gz') else open(path, 'rb')


def event_time_ms(data):
    """The first E of a message, or None (bookTicker has none)."""
    found = EVENT_TIME.search(data)
    if not found:
        return None
    value = int(found[1])
    return value // 1000 if len(found[1]) == 16 else value


def shift_times(data, offset_ms):
    """data with every exchange time moved; all other bytes stay."""
    event = EVENT.search(data)
    if not offset_ms or not event or event[1] not in TIME_RES:
        return data

    def moved(match):
        unit = 1000 if len(match[2]) == 16 else 1
        return match[1] + b'%d' % (int(match[2]) + offset_ms * unit)
    return TIME_RES[event[1]].sub(moved, data)


def split(text):
    """(stream, data) of one JSON message; stream None: not an event."""
    enveloped = ENVELOPE.match(text)
    if enveloped:
        return enveloped[1].decode(), enveloped[2]
    text = text.strip()
    event = EVENT.search(text)
    if text.startswith(b'['):
        kind = {b'24hrTicker': '!ticker@arr',
                b'24hrMiniTicker': '!miniTicker@arr'}
        return kind.get(event[1]) if event else None, text
    symbol = SYMBOL.search(text)
    if not symbol:
        return None, text
    lower = symbol[1].lower()
    if not event:
        book = text.startswith(b'{"u":')
        return (lower + b'@bookTicker').decode() if book else None, text
    if event[1] == b'kline':
        return (lower + b'@kline_' + INTERVAL.search(text)[1]).decode(), text
    tail = STREAM_OF.get(event[1])
    return (lower + tail).decode() if tail else None, text


def seconds_to_ns(whole, fraction):
    return int(whole) * 10 ** 9 + int((fraction or b'').ljust(9, b'0')[:9])


def parse_line(line, previous_ns):
    """A Message, a RestAnswer, or None for a line to skip."""
    line = line.rstrip(b'\r\n')
    if not line.strip() or line.startswith(b'wss://'):
        return None
    rest = REST_LINE.match(line)
    if rest:
        return RestAnswer(seconds_to_ns(rest[2], rest[3]),
                          rest[1].decode(), rest[4])
    match = NS_LINE.match(line)
    if match:
        time_ns, text = int(match[1]), match[2]
    else:
        match = SEC_LINE.match(line)
        if match:
            time_ns, text = seconds_to_ns(match[1], match[2]), match[3]
        elif line[:1] in (b'{', b'['):
            at = event_time_ms(line)
            time_ns = previous_ns if at is None else at * 10 ** 6
            text = line
        else:
            raise ValueError(f'not a recording line: {line[:80]!r}')
    stream, data = split(text)
    return None if stream is None else Message(time_ns, stream, data)


def read_file(path, rest=False):
    """Yield the messages of one file, with rest=True its REST answers too."""
    previous = 0
    with open_any(path) as lines:
        for line in lines:
            item = parse_line(line, previous)
            if item is None:
                continue
            previous = item.time_ns
            if rest or isinstance(item, Message):
                yield item


def read_merged(paths, rest=False):
    """Yield the items of several files in the order they were received."""
    return heapq.merge(*(read_file(path, rest) for path in paths),
                       key=lambda item: item.time_ns)
