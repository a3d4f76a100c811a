# Copyright (C) the ngx_trading authors
# SPDX-License-Identifier: BSD-2-Clause

"""Readers that go on reading while something is broken on purpose.

Each thread asks over one persistent connection, judges every answer with the
caller's function, and keeps what it found wrong; a connection that breaks is
itself a finding, unless the test says that it may.
"""

import http.client
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'e2e'))

from stack import Client, Response                              # noqa: E402

PATHS = ('/market/prices/BTC', '/market/prices', '/market/prices/ETH',
         '/trading/signals/BTC', '/market/prices?symbols=BTC,ETH',
         '/market/summary', '/trading/binary', '/market/overview',
         '/market/prices?fields=symbol,current_price,seq')


class Reader(threading.Thread):

    def __init__(self, load, number):
        super().__init__(daemon=True)
        self.load, self.number = load, number
        self.count = 0

    def run(self):
        load, client, turn = self.load, None, self.number
        while not load.ending.is_set():
            path = load.paths[turn % len(load.paths)]
            turn += 1
            asked = time.monotonic()
            try:
                client = client or Client(load.port, load.timeout)
                answer = client.ask(path)
            except (OSError, http.client.HTTPException) as broken:
                if client:
                    client.close()
                client = None
                load.broke(path, broken, asked)
                continue
            if not load.lasting or \
                    answer.headers.get('connection') == 'close':
                client.close()
                client = None
            self.count += 1
            load.answered(self, path, answer, asked)
            if load.pause:
                time.sleep(load.pause)
        if client:
            client.close()


class Load:
    """judge(path, Response) raises AssertionError or ValueError."""

    def __init__(self, port, judge, readers=2, paths=PATHS, pause=0.001,
                 timeout=10, may_break=None, forward=True,
                 lasting=True):
        self.port, self.judge, self.paths = port, judge, paths
        self.pause, self.timeout, self.may_break = pause, timeout, may_break
        # connections that do not last end in one worker and in another
        self.in_order, self.lasting = forward and lasting, lasting
        self.ending = threading.Event()
        self.wrong, self.broken, self.slowest = [], 0, 0.0
        self.statuses, self.codes = {}, {}
        self.stale = 0
        self.seqs = {}
        self.lock = threading.Lock()
        self.readers = [Reader(self, n * 3) for n in range(readers)]

    def __enter__(self):
        for reader in self.readers:
            reader.start()
        return self

    def __exit__(self, *exc):
        self.ending.set()
        for reader in self.readers:
            reader.join(self.timeout + 5)

    @property
    def count(self):
        return sum(reader.count for reader in self.readers)

    def broke(self, path, why, asked):
        with self.lock:
            self.broken += 1
            if (self.may_break is None or not self.may_break(why)) \
                    and len(self.wrong) < 20:
                self.wrong.append(f'{path}: {why!r} after '
                                  f'{time.monotonic() - asked:.3f} s')
        time.sleep(0.01)

    def answered(self, reader, path, answer, asked):
        took = time.monotonic() - asked
        try:
            self.judge(path, answer)
            if answer.status == 200 and self.in_order:
                self.forward(reader, path, answer)
        except (AssertionError, ValueError, KeyError) as wrong:
            with self.lock:
                if len(self.wrong) < 20:
                    self.wrong.append(f'{path}: {wrong!r} {answer!r}')
        with self.lock:
            self.slowest = max(self.slowest, took)
            self.statuses[answer.status] = \
                self.statuses.get(answer.status, 0) + 1
            self.stale += 'x-market-stale' in answer.headers
            if answer.status >= 400:
                code = answer.json()['code']
                self.codes[code] = self.codes.get(code, 0) + 1

    def forward(self, reader, path, answer):
        """On one connection and surface no seq goes backwards. (With several
        workers a connection still stays with one of them.)"""
        document = answer.json()
        quotes = [document] if 'symbol' in document else [
            q for q in document.get('market_data', document).values()
            if isinstance(q, dict) and 'symbol' in q and 'seq' in q]
        for quote in quotes:
            key = (reader.number, path, quote['symbol'])
            if quote['seq'] < self.seqs.get(key, 0):
                raise AssertionError(
                    f'seq of {key} went back from {self.seqs[key]} to '
                    f'{quote["seq"]}')
            self.seqs[key] = quote['seq']


def intact(path, answer: Response, codes=('board_unavailable', 'no_quote')):
    """200 with whole JSON that adds up, or an honest refusal."""
    document = answer.json()
    if answer.status == 503:
        if answer.headers['content-type'] != 'application/problem+json':
            raise AssertionError('not a problem document')
        if document['code'] not in codes:
            raise AssertionError(f'code {document["code"]}')
        if not answer.headers.get('retry-after'):
            raise AssertionError('no Retry-After')
        return
    if answer.status != 200:
        raise AssertionError(f'status {answer.status}')
    if answer.headers['content-type'] != 'application/json':
        raise AssertionError('not JSON')
    if path.startswith('/market/prices/'):
        whole_quote(path.rpartition('/')[2], document)
        if 'x-market-stale' in answer.headers and not document['stale']:
            raise AssertionError('stale by its header, fresh by its body')
    elif path == '/market/prices':
        for symbol, quote in document.items():
            whole_quote(symbol, quote)


def whole_quote(symbol, quote):
    if quote['symbol'] != symbol or len(quote) != 18:
        raise AssertionError(f'not a quote of {symbol}')
    for key in ('current_price', 'bid', 'ask'):
        if quote[key] is not None and not 0 < float(quote[key]) < 1e9:
            raise AssertionError(f'{key} {quote[key]}')
    if not (isinstance(quote['seq'], int) and quote['seq'] > 0):
        raise AssertionError('seq')
