# Copyright (C) the ngx_trading authors
# SPDX-License-Identifier: BSD-2-Clause

"""The REST side: ping, time, exchangeInfo, ticker/24hr, depth and klines, with
their weights.

Answers come from recorded (or synthetic) documents, filtered by symbol. Request
weight is counted per clock minute as the exchange does; too much gives 429, and
going on regardless gives 418. Faults asked for over the control port are taken
from a queue before anything else is looked at.
"""

import gzip
import json
import re
import time
from collections import deque
from urllib.parse import unquote_plus

import wire
from feed_depth import INTERVALS, depth_weight
from recording import open_any

SYMBOL = re.compile(r'[A-Z0-9._-]{1,20}$')
LEGAL_SYMBOLS = '^\\[("[A-Z0-9-_.]{1,20}"(,"[A-Z0-9-_.]{1,20}"){0,}){0,1}\\]$'


class Refused(Exception):
    def __init__(self, code, msg, status=400):
        super().__init__(msg)
        self.status = status
        self.body = {'code': code, 'msg': msg}


def load(path):
    """A JSON document, plain or gzip; one ticker object becomes a list."""
    with open_any(path) as file:
        value = json.load(file)
    if isinstance(value, dict) and 'symbols' not in value:
        value = [value]
    return value


def parse_params(query):
    params = {}
    for part in query.split('&'):
        if part:
            name, _, value = part.partition('=')
            params[unquote_plus(name)] = unquote_plus(value)
    return params


def wanted_symbols(params):
    """None for all, else (list of symbols, asked singly)."""
    if 'symbol' in params and 'symbols' in params:
        raise Refused(-1128, 'Combination of optional parameters invalid.')
    if 'symbol' in params:
        symbol = params['symbol']
        if not symbol:
            raise Refused(-1105, "Parameter 'symbol' was empty.")
        if not SYMBOL.match(symbol):
            raise Refused(-1100, "Illegal characters found in parameter "
                          "'symbol'; legal range is '^[A-Z0-9-_.]{1,20}$'.")
        return [symbol], True
    if 'symbols' in params:
        try:
            names = json.loads(params['symbols'])
        except ValueError:
            names = None
        if not isinstance(names, list) or not all(
                isinstance(n, str) and SYMBOL.match(n) for n in names):
            raise Refused(-1100, "Illegal characters found in parameter "
                          f"'symbols'; legal range is '{LEGAL_SYMBOLS}'.")
        if len(set(names)) != len(names):
            raise Refused(-1151, 'Symbol is present multiple times in the '
                                 'list.')
        return names, False
    return None


def whole(params, name, default, least, most):
    text = params.get(name)
    if text is None:
        return default
    if not re.match(r'[0-9]{1,20}$', text):
        raise Refused(-1100, f"Illegal characters found in parameter '{name}'"
                             "; legal range is '^[0-9]{1,20}$'.")
    return min(max(int(text), least), most)


class Weights:
    """Request weight of this clock minute, and the ban that can follow."""

    def __init__(self, options):
        self.limit = options.weight_limit
        self.ban_after = options.ban_after
        self.ban_seconds = options.ban_seconds
        self.reset()

    def reset(self):
        self.minute, self.used, self.refusals = None, 0, 0
        self.banned_until = 0.0

    def add(self, weight, now):
        """(status, Retry-After or None) for a call of this weight."""
        minute = int(now // 60)
        if minute != self.minute:
            self.minute, self.used, self.refusals = minute, 0, 0
        if now < self.banned_until:
            return 418, int(self.banned_until - now) + 1
        self.used += weight
        if self.used <= self.limit:
            return 200, None
        self.refusals += 1
        if self.refusals > self.ban_after:
            self.banned_until = now + self.ban_seconds
            return 418, self.ban_seconds
        return 429, int((minute + 1) * 60 - now) + 1


class Rest:
    """Answers one request with (status, body bytes, headers)."""

    def __init__(self, options, tickers, info, markets=None, books=None,
                 candles=None):
        self.books, self.candles = books, candles
        self.options = options
        self.tickers = {row['symbol']: row for row in tickers or ()}
        self.info = info
        self.info_rows = {row['symbol']: row
                          for row in (info or {}).get('symbols', ())}
        self.markets = markets          # synthetic: rows are made when asked
        self.weights = Weights(options)
        self.faults = deque()           # dicts from the control port
        self.calls = deque(maxlen=500)
        self.total = 0

    def take_fault(self, path, query=''):
        """The fault meant for this call, if any is waiting."""
        for fault in self.faults:
            if fault.get('path') in (None, path) \
                    and (fault.get('query') or '') in query:
                fault['count'] -= 1
                if fault['count'] <= 0:
                    self.faults.remove(fault)
                return fault
        return None

    def note(self, request, status, **more):
        self.total += 1
        self.calls.append({'method': request.method,
                           'target': request.target, 'status': status,
                           'time': round(time.time(), 3), **more})

    def answer(self, request):
        now = time.time()
        headers = []
        try:
            params = parse_params(request.query)
            route = {'/api/v3/ping': self._ping, '/api/v3/time': self._time,
                     '/api/v3/exchangeInfo': self._exchange_info,
                     '/api/v3/depth': self._depth,
                     '/api/v3/klines': self._klines,
                     '/api/v3/ticker/24hr': self._ticker}.get(request.path)
            if route is None:
                raise Refused(-1000, 'Not found.', 404)
            if request.method != 'GET':
                raise Refused(-1000, 'Method not allowed.', 405)
            weight = self._weight(request.path, params)
            status, retry = self.weights.add(weight, now)
            if retry is not None:
                headers.append(('Retry-After', str(retry)))
                raise self._too_much(status, now)
            body = route(params, int(now * 1000))
            if not isinstance(body, bytes):
                body = json.dumps(body, separators=(',', ':')).encode()
        except Refused as refused:
            status = refused.status
            body = json.dumps(refused.body, separators=(',', ':')).encode()
        headers += self.weight_headers()
        if len(body) > 1024 and 'gzip' in request.headers.get(
                'accept-encoding', ''):
            packed = gzip.compress(body, 1)
            headers.append(('Content-Encoding', 'gzip'))
            return status, packed, headers, body
        return status, body, headers, body

    def weight_headers(self):
        used = str(self.weights.used)
        return [('X-MBX-USED-WEIGHT', used), ('X-MBX-USED-WEIGHT-1M', used)]

    def _too_much(self, status, now):
        if status == 418:
            until = int(self.weights.banned_until * 1000)
            return Refused(-1003, 'Way too much request weight used; IP '
                           f'banned until {until}. Please use WebSocket '
                           'Streams for live updates to avoid bans.', 418)
        return Refused(-1003, 'Too much request weight used; current limit '
                       f'is {self.weights.limit} request weight per 1 '
                       'MINUTE. Please use WebSocket Streams for live '
                       'updates to avoid polling the API.', 429)

    @staticmethod
    def _weight(path, params):
        if path.endswith('exchangeInfo'):
            return 20
        if path.endswith('depth'):
            return depth_weight(whole(params, 'limit', 100, 1, 5000))
        if path.endswith('klines'):
            return 2
        if not path.endswith('24hr'):
            return 1
        if 'symbol' in params:
            return 2
        if 'symbols' not in params:
            return 80
        number = params['symbols'].count('"') // 2
        return 2 if number <= 20 else 40 if number <= 100 else 80

    @staticmethod
    def _ping(_params, _now_ms):
        return {}

    @staticmethod
    def _time(_params, now_ms):
        return {'serverTime': now_ms}

    def _pick(self, known, wanted):
        if wanted is None:
            return list(known)
        for symbol in wanted[0]:
            if symbol not in known:
                raise Refused(-1121, 'Invalid symbol.')
        return wanted[0]

    def _exchange_info(self, params, now_ms):
        wanted = wanted_symbols(params)
        if self.markets:
            info = wire.exchange_info(self.markets.values(), now_ms)
            rows = {row['symbol']: row for row in info['symbols']}
        else:
            info, rows = self.info, self.info_rows
            if info is None:
                raise Refused(-1000, 'No exchangeInfo file was given.', 404)
        answer = dict(info)
        if self.options.shift == 'now':
            answer['serverTime'] = now_ms
        answer['symbols'] = [rows[s] for s in self._pick(rows, wanted)]
        return answer

    def _one_symbol(self, params):
        wanted = wanted_symbols({k: v for k, v in params.items()
                                 if k == 'symbol'})
        if wanted is None:
            raise Refused(-1102, "Mandatory parameter 'symbol' was not sent, "
                                 'was empty/null, or malformed.')
        return self._pick(self.markets or self.tickers, wanted)[0]

    def _depth(self, params, _now_ms):
        """The book of this moment, as the exchange has it."""
        symbol = self._one_symbol(params)
        limit = whole(params, 'limit', 100, 1, 5000)
        book = self.books.now(symbol) if self.books else None
        if book is None:
            return {'lastUpdateId': 0, 'bids': [], 'asks': []}
        return book.rest(limit)

    def _klines(self, params, _now_ms):
        symbol = self._one_symbol(params)
        interval = params.get('interval')
        if interval not in INTERVALS:
            raise Refused(-1120, 'Invalid interval.')
        limit = whole(params, 'limit', 500, 1, 10 ** 9)
        start = whole(params, 'startTime', None, 0, 10 ** 15)
        end = whole(params, 'endTime', None, 0, 10 ** 15)
        if self.candles is None:
            return []
        return self.candles.rest(symbol, interval, start, end,
                                 min(limit, 1000))

    def _ticker(self, params, now_ms):
        wanted = wanted_symbols(params)
        kind = params.get('type', 'FULL')
        if kind not in ('FULL', 'MINI'):
            raise Refused(-1130, "Data sent for parameter 'type' is not "
                                 "valid.")
        known = self.markets or self.tickers
        rows = []
        for symbol in self._pick(known, wanted):
            row = known[symbol]
            row = row.rest_row(now_ms) if self.markets else self.aged(
                row, now_ms)
            if kind == 'MINI':
                row = {key: row[key] for key in wire.MINI_KEYS}
            rows.append(row)
        return rows[0] if wanted and wanted[1] else rows

    def aged(self, row, now_ms):
        """The row as recorded, or with --shift its times moved."""
        shift = self.options.shift
        if not shift:
            return row
        offset = now_ms - row['closeTime'] if shift == 'now' else int(shift)
        return {**row, 'openTime': row['openTime'] + offset,
                'closeTime': row['closeTime'] + offset}
