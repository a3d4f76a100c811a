# Copyright (C) the ngx_trading authors
# SPDX-License-Identifier: BSD-2-Clause

"""Broken input for a client: WebSocket frames and REST answers.

KINDS maps each WebSocket kind to what a right client does with it:
    ignore  stay connected, keep the quote exactly as it was
    drop    a protocol violation: fail the connection, then reconnect
    valid   unusual but right: must be applied
    either  dropping or staying are both sound, the quote must not change
Every invented event carries the next id after those sent, so that a client that
refuses it does so for its values and not for its age; kinds about old ids say
so in their names.
"""

import json
import re
import struct
from decimal import Decimal

import feed_http as http

PRICE = re.compile(rb'"p":"([^"]*)"')
TRADE_ID = re.compile(rb'"t":(\d+)')
UPDATE_ID = re.compile(rb'"u":(\d+)')
BID_ASK = re.compile(rb'"b":"([^"]*)".*"a":"([^"]*)"')


class Context:
    """What a symbol's stream looks like now, to make lies that fit in."""

    def __init__(self, hub, rest, symbol, now_ms):
        self.symbol = symbol
        self.lower = symbol.lower()
        self.now_ms = now_ms
        row = rest.tickers.get(symbol, {})
        if rest.markets and symbol in rest.markets:
            row = rest.markets[symbol].rest_row(now_ms)
        trade = hub.last.get(self.lower + '@trade')
        book = hub.last.get(self.lower + '@bookTicker')
        self.last_trade, self.last_book = trade, book
        self.price = Decimal(PRICE.search(trade)[1].decode() if trade
                             else row.get('lastPrice', '100'))
        if self.price <= 0:
            self.price = Decimal(100)
        self.trade_id = int(TRADE_ID.search(trade)[1]) if trade \
            else row.get('lastId', 1000)
        self.update_id = int(UPDATE_ID.search(book)[1]) if book else 1000
        self.bid, self.ask = self.price, self.price
        if book:
            found = BID_ASK.search(book)
            self.bid = Decimal(found[1].decode())
            self.ask = Decimal(found[2].decode())
        times = re.search(rb'"E":(\d+)', trade) if trade else None
        self.event_ms = int(times[1]) + 1 if times else now_ms

    def trade(self, price=None, ident=None, time_ms=None, qty='0.01000000',
              symbol=None):
        at = time_ms or self.event_ms
        price = self.price if price is None else price
        text = price if isinstance(price, str) else f'{price:.8f}'
        return (f'{{"e":"trade","E":{at},"s":"{symbol or self.symbol}",'
                f'"t":{ident or self.trade_id + 1},"p":"{text}",'
                f'"q":"{qty}","T":{at},"m":true,"M":true}}').encode()

    def book(self, bid, ask, ident=None):
        return (f'{{"u":{ident or self.update_id + 1},'
                f'"s":"{self.symbol}","b":"{bid:.8f}","B":"1.00000000",'
                f'"a":"{ask:.8f}","A":"1.00000000"}}').encode()


def _on_trade(make):
    """A kind that is one text frame on the symbol's trade stream."""
    def build(ctx, combined):
        data = make(ctx)
        if combined:
            data = http.envelope(ctx.lower + '@trade', data)
        return http.frame(http.TEXT, data)
    return build


def _on_book(make):
    def build(ctx, combined):
        data = make(ctx)
        if combined:
            data = http.envelope(ctx.lower + '@bookTicker', data)
        return http.frame(http.TEXT, data)
    return build


def _text(make):
    """A kind that is one text frame without any envelope."""
    return lambda ctx, combined: http.frame(http.TEXT, make(ctx))


def _good_trade(ctx, combined):
    """A right trade a little higher, for the kinds that are valid."""
    data = ctx.trade(valid_price(ctx))
    return http.envelope(ctx.lower + '@trade', data) if combined else data


def valid_price(ctx):
    return (ctx.price * Decimal('1.001')).quantize(Decimal('0.01'))


def _fragmented(ctx, combined):
    text = _good_trade(ctx, combined)
    third = len(text) // 3
    return (http.frame(http.TEXT, text[:third], fin=False)
            + http.frame(http.PING, b'between')
            + http.frame(http.CONT, text[third:2 * third], fin=False)
            + http.frame(http.PING, b'')
            + http.frame(http.CONT, text[2 * third:]))


def _bytewise(ctx, combined):
    text = _good_trade(ctx, combined)
    out = [http.frame(http.TEXT, b'', fin=False)]
    out += [http.frame(http.CONT, text[i:i + 1], fin=False)
            for i in range(len(text))]
    return b''.join(out) + http.frame(http.CONT, b'')


def _long_length(ctx, combined):
    text = _good_trade(ctx, combined)
    return struct.pack('!BBQ', 0x81, 127, len(text)) + text


def _spaced(ctx, combined):
    value = json.loads(_good_trade(ctx, combined))
    return http.frame(http.TEXT, json.dumps(value, indent=2).encode())


def _reordered(ctx, combined):
    value = json.loads(ctx.trade(valid_price(ctx)))
    data = json.dumps({'new': {'p': [1, {'t': None}]},
                       **dict(reversed(value.items()))}).encode()
    if combined:
        data = b'{"data":' + data + b',"stream":"%s@trade"}' \
            % ctx.lower.encode()
    return http.frame(http.TEXT, data)


def _huge(ctx, combined):
    pad = b'x' * (1 << 20)
    data = ctx.trade(ctx.price * 2)[:-1] + b',"pad":"' + pad + b'"}'
    return http.frame(http.TEXT, http.envelope(ctx.lower + '@trade', data)
                      if combined else data)


KINDS = {
    # text that is not a good event
    'not_json': ('ignore', _text(lambda c: b'hello, this is not JSON')),
    'truncated_json': ('ignore', _on_trade(
        lambda c: c.trade(c.price * 2)[:-20])),
    'empty_text': ('ignore', _text(lambda c: b'')),
    'null': ('ignore', _text(lambda c: b'null')),
    'wrong_types': ('ignore', _on_trade(
        lambda c: b'{"e":"trade","E":"x","s":["%s"],"t":"7","p":{},'
                  b'"q":null,"T":true,"m":1}' % c.symbol.encode())),
    'number_price': ('either', _on_trade(
        lambda c: c.trade(c.price * 2).replace(b'"p":"', b'"p":', 1)
        .replace(b'","q"', b',"q"', 1))),
    'missing_fields': ('ignore', _on_trade(
        lambda c: b'{"e":"trade","s":"%s"}' % c.symbol.encode())),
    'deep_nesting': ('ignore', _text(
        lambda c: b'[' * 20000 + b']' * 20000)),
    'nul_bytes': ('ignore', _on_trade(
        lambda c: c.trade('\\u0000' + f'{c.price:.8f}'))),
    'server_error': ('ignore', _text(
        lambda c: b'{"error":{"code":2,"msg":"Invalid request"},"id":null}')),
    'binary_frame': ('either', lambda c, w: http.frame(
        http.BINARY, c.trade(c.price * 2))),
    'huge_message': ('either', _huge),
    # absurd values in good JSON
    'negative_price': ('ignore', _on_trade(lambda c: c.trade(-c.price))),
    'zero_price': ('ignore', _on_trade(lambda c: c.trade('0.00000000'))),
    'negative_quantity': ('ignore', _on_trade(
        lambda c: c.trade(c.price * 2, qty='-1.00000000'))),
    'empty_price': ('ignore', _on_trade(lambda c: c.trade(''))),
    'nan_price': ('ignore', _on_trade(lambda c: c.trade('NaN'))),
    'exponent_price': ('ignore', _on_trade(lambda c: c.trade('1e9'))),
    'enormous_number': ('ignore', _on_trade(
        lambda c: c.trade('9' * 40 + '.00000000'))),
    'enormous_id': ('ignore', _on_trade(
        lambda c: c.trade(c.price * 2, ident=10 ** 30))),
    'jump_10x': ('ignore', _on_trade(lambda c: c.trade(c.price * 10))),
    'future_time': ('ignore', _on_trade(lambda c: c.trade(
        c.price * 2, time_ms=c.now_ms + 3600 * 1000))),
    'crossed_book': ('ignore', _on_book(
        lambda c: c.book(c.ask * 2, c.bid))),
    'negative_book': ('ignore', _on_book(lambda c: c.book(-c.bid, c.ask))),
    'zero_book': ('ignore', _on_book(lambda c: c.book(0, 0))),
    # ids and names
    'duplicate_trade': ('ignore', _on_trade(lambda c: c.last_trade
                                            or c.trade(ident=c.trade_id))),
    'duplicate_id': ('ignore', _on_trade(
        lambda c: c.trade(c.price * 2, ident=c.trade_id))),
    'old_trade': ('ignore', _on_trade(
        lambda c: c.trade(c.price * 2, ident=max(1, c.trade_id - 5)))),
    'old_book': ('ignore', _on_book(lambda c: c.book(
        c.bid / 2, c.ask / 2, ident=max(1, c.update_id - 5)))),
    'unknown_symbol': ('ignore', _on_trade(
        lambda c: c.trade(c.price * 2, symbol='NOSUCHUSDT'))),
    'unknown_event': ('ignore', _on_trade(
        lambda c: c.trade(c.price * 2).replace(b'"trade"', b'"tirade"', 1))),
    'unknown_stream': ('ignore', _text(lambda c: http.envelope(
        'nosuchusdt@nosuch', b'{"e":"nosuch","s":"NOSUCHUSDT"}'))),
    'not_subscribed': ('either', _text(lambda c: http.envelope(
        'xmrusdt@trade', c.trade(c.price * 2, symbol='XMRUSDT')))),
    # WebSocket violations
    'invalid_utf8': ('drop', _on_trade(
        lambda c: c.trade(c.price * 2)[:-1] + b',"x":"\xff\xfe"}')),
    'masked_frame': ('drop', lambda c, w: http.frame(
        http.TEXT, c.trade(c.price * 2), mask=b'\x11\x22\x33\x44')),
    'invalid_opcode': ('drop', lambda c, w: http.frame(3, b'reserved')),
    'invalid_control_opcode': ('drop', lambda c, w: http.frame(11, b'')),
    'reserved_bits': ('drop', lambda c, w: http.frame(
        http.TEXT, c.trade(c.price * 2), rsv=4)),
    'fragmented_ping': ('drop', lambda c, w: http.frame(
        http.PING, b'part', fin=False)),
    'long_ping': ('drop', lambda c, w: http.frame(http.PING, b'p' * 126)),
    'lone_continuation': ('drop', lambda c, w: http.frame(
        http.CONT, c.trade(c.price * 2))),
    'nested_message': ('drop', lambda c, w: http.frame(
        http.TEXT, b'{"a":', fin=False) + http.frame(http.TEXT, b'{}')),
    'enormous_length': ('drop', lambda c, w: struct.pack(
        '!BBQ', 0x81, 127, 2 ** 63 + 5) + b'x'),
    'gigabyte_length': ('drop', lambda c, w: struct.pack(
        '!BBQ', 0x81, 127, 1 << 30) + b'x'),
    'bad_close': ('drop', lambda c, w: http.frame(http.CLOSE, b'\x03')),
    'long_form_length': ('either', _long_length),
    # unusual and right
    'fragmented_with_pings': ('valid', _fragmented),
    'byte_fragments': ('valid', _bytewise),
    'spaced_json': ('valid', _spaced),
    'reordered_fields': ('valid', _reordered),
    'unsolicited_pong': ('ignore', lambda c, w: http.frame(
        http.PONG, b'nobody asked')),
}

REST_BODIES = ('truncated', 'cut_json', 'not_json', 'html', 'empty',
               'content_type', 'wrong_types', 'object', 'deep', 'huge',
               'negative', 'bad_row', 'chunked', 'slow')


def rest_answer(kind, body, headers):
    """(bytes to send, end the connection, byte at a time) of a REST fault.

    truncated: the length promises more than comes; cut_json: half the JSON as
    a whole answer; bad_row: the first ticker alone; chunked is right, and
    must be understood.
    """
    if kind == 'truncated':
        whole = http.response(200, body, headers)
        return whole[:len(whole) - max(1, len(body) // 2)], True, False
    if kind == 'slow':
        return http.response(200, body, headers), False, True
    if kind == 'content_type':
        return http.response(200, body, headers, kind='text/html'), \
            False, False
    if kind == 'chunked':
        plain = http.response(200, b'', headers)
        head = plain.replace(b'Content-Length: 0',
                             b'Transfer-Encoding: chunked')
        pieces = [body[i:i + 1000] for i in range(0, len(body), 1000)]
        chunks = b''.join(b'%x\r\n%s\r\n' % (len(p), p) for p in pieces)
        return head + chunks + b'0\r\n\r\n', False, False
    body = {
        'cut_json': body[:len(body) // 2],
        'not_json': b'this is not JSON',
        'html': b'<html><body>Service Temporarily Unavailable</body></html>',
        'empty': b'',
        'wrong_types': b'[1,null,{"symbol":7,"lastPrice":[],"closeTime":"x"},'
                       b'{"symbol":"BTCUSDT"}]',
        'object': b'{"code":0,"msg":"ok"}',
        'deep': b'[' * 100000 + b']' * 100000,
        'huge': b'[' + b' ' * (64 << 20) + b']',
        'negative': re.sub(rb'Price":"(?=[1-9])', b'Price":"-', body),
        'bad_row': body.replace(b'"lastPrice":"', b'"lastPrice":"x', 1),
    }[kind]
    return http.response(200, body, headers), False, False
