#!/usr/bin/python3
# Copyright (C) the ngx_trading authors
# SPDX-License-Identifier: BSD-2-Clause

"""Protects: what must outlast marketd does, and nothing else passes for it.

The bits of /binary belong to their symbols over every change of the catalogue
and every restart, and old versions of the map can be told. A broken build
shows a symbol on another's bit, or a version that says something else than it
once did.
"""

import json
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from stack import Stack, instruments, wait_for                  # noqa: E402


def listed(*symbols):
    rows = {row['symbol']: row for row in instruments()}
    return [rows[symbol] for symbol in symbols]


def restart(stack, symbols=None, kill=False, **env):
    """marketd again, with another catalogue or settings; nginx stays."""
    before = stack.json('/market/cache/stats')['board']['generation']
    if kill:
        stack.marketd.popen.kill()
        stack.marketd.popen.wait()
    else:
        assert stack.marketd.stop() == 0
    if symbols:
        Path(stack.catalogue).write_text(
            json.dumps({'instruments': listed(*symbols)}))
    stack.env.update(env)
    stack.start_marketd()
    wait_for(lambda: stack.json('/market/cache/stats')['board']['generation']
             != before, 'the next board')


class BinaryMap(unittest.TestCase):

    def check(self, stack, version, symbols):
        """What /binary says now, and each bit with its own symbol's."""
        binary = wait_for(lambda: (lambda b: b if None not in (
            bit for bit, s in zip(b['binary_array'], b['symbols']) if s)
            else None)(stack.json('/trading/binary')), 'all signals')
        self.assertEqual(binary['map_version'], version)
        self.assertEqual(binary['symbols'], symbols)
        self.assertEqual(
            [bit is None for bit in binary['binary_array']],
            [symbol is None for symbol in symbols])
        self.assertEqual(binary['binary_string'], ''.join(
            '-' if bit is None else str(bit)
            for bit in binary['binary_array']))
        self.assertEqual(
            stack.json('/market/cache/stats')['board']['map_version'],
            version)

    def maps(self, stack, *known):
        """Each version that there was is what it was; no other is known."""
        for version, symbols in enumerate(known, 1):
            answer = stack.get(f'/trading/binary/map/{version}')
            self.assertEqual(answer.status, 200)
            self.assertEqual(answer.json(), {'map_version': version,
                                             'symbols': symbols})
            again = stack.get(f'/trading/binary/map/{version}',
                              {'If-None-Match': answer.headers['etag']})
            self.assertEqual((again.status, again.body), (304, b''))
        for version in (0, len(known) + 1, 10 ** 30):
            answer = stack.get(f'/trading/binary/map/{version}')
            self.assertEqual((answer.status, answer.json()['code'],
                              answer.json()['map_version']),
                             (404, 'unknown_version', len(known)))

    def test_places_hold_over_restarts(self):
        first = ['BTC', 'ETH', 'BNB', 'EUR/USD']
        removed = ['BTC', None, 'BNB', 'EUR/USD']
        added = ['BTC', None, 'BNB', 'EUR/USD', 'SOL']
        back = ['BTC', 'ETH', 'BNB', 'EUR/USD', 'SOL']
        with Stack(catalogue=listed(*first),
                   env={'SIMULATOR_RATE': 500}) as stack:
            self.check(stack, 1, first)
            self.maps(stack, first)
            restart(stack)
            self.check(stack, 1, first)
            restart(stack, ('BTC', 'BNB', 'EUR/USD'))
            self.check(stack, 2, removed)
            self.maps(stack, first, removed)
            # a new one goes to the end, wherever the catalogue has it
            restart(stack, ('SOL', 'BTC', 'BNB', 'EUR/USD'), kill=True)
            self.check(stack, 3, added)
            restart(stack, kill=True)
            self.check(stack, 3, added)
            # one that comes back gets the place that it had
            restart(stack, ('SOL', 'EUR/USD', 'BNB', 'ETH', 'BTC'))
            self.check(stack, 4, back)
            self.maps(stack, first, removed, added, back)
            # the same catalogue in another order is no change
            restart(stack, ('BTC', 'ETH', 'BNB', 'SOL', 'EUR/USD'))
            self.check(stack, 4, back)
            self.maps(stack, first, removed, added, back)

    def test_damaged_file_is_refused_and_no_number_used_twice(self):
        first = ['BTC', 'ETH', 'BNB']
        with Stack(catalogue=listed(*first)) as stack:
            self.check(stack, 1, first)
            file = stack.dir / 'history' / 'binary-map'
            data = bytearray(file.read_bytes())
            data[-9] ^= 4
            file.write_bytes(data)
            restart(stack, ('ETH', 'BTC', 'BNB'))
            self.assertEqual(stack.log('marketd').count('event=map_ignored'),
                             1)
            version = stack.json('/trading/binary')['map_version']
            self.assertGreater(version, 10 ** 7)
            self.check(stack, version, ['ETH', 'BTC', 'BNB'])
            self.assertEqual(stack.get('/trading/binary/map/1').status, 404)
            restart(stack)
            self.check(stack, version, ['ETH', 'BTC', 'BNB'])


if __name__ == '__main__':
    unittest.main()
