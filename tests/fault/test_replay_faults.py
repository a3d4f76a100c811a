#!/usr/bin/python3
# Copyright (C) the ngx_trading authors
# SPDX-License-Identifier: BSD-2-Clause

"""Protects: a recording that is damaged ends the replay, and nothing else.

A recorded feed is cut in the middle of its gzip stream, has a line that is
none, or messages that are garbage. What came before the damage must be served
and stay, the source must say that it is down and the log why; marketd runs on.
"""

import gzip
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'e2e'))

from stack import ROOT, Stack, wait_for                         # noqa: E402

BASIC = ROOT / 'tests' / 'feed' / 'fixtures' / 'stream-basic.log'


class Replay(unittest.TestCase):

    def play(self, data, name='feed.log'):
        directory = tempfile.TemporaryDirectory(dir='/dev/shm')
        self.addCleanup(directory.cleanup)
        path = Path(directory.name) / name
        path.write_bytes(data)
        stack = Stack(env={'TRADING_SOURCE': f'replay:{path}',
                           'REPLAY_SPEED': 0})
        self.addCleanup(self.finish, stack)
        wait_for(lambda: 'event=replay_finished' in stack.log('marketd'),
                 'the end')
        self.assertTrue(stack.marketd.alive())
        self.assertEqual(stack.source('replay')['state'], 'down')
        return stack

    def finish(self, stack):
        stack.end()
        stack.judge()

    def quotes(self, stack):
        def there():
            quotes = stack.json('/market/prices')
            return quotes.get('BTC') and quotes
        return wait_for(there, 'quotes')

    def test_whole(self):
        stack = self.play(BASIC.read_bytes())
        self.assertIn(' error=0', stack.log('marketd'))
        quotes = self.quotes(stack)
        # over is over: no page may take it for a market of now
        self.assertTrue(all(q['simulated'] for q in quotes.values()))
        for path in ('/market/analysis/BTC', '/trading/signals/BTC'):
            answer = wait_for(lambda p=path: stack.get(p).status == 200
                              and stack.json(p), path)
            self.assertIs(answer['simulated'], True, path)

    def test_cut_gzip(self):
        packed = gzip.compress(BASIC.read_bytes())
        stack = self.play(packed[:len(packed) // 2], 'feed.log.gz')
        self.assertIn('cannot be read or is cut off', stack.log('marketd'))
        self.assertIn(' error=1', stack.log('marketd'))
        quote = self.quotes(stack)['BTC']
        self.assertEqual(quote['source'], 'replay')
        self.assertTrue(stack.marketd.alive())

    def test_line_that_is_none(self):
        lines = BASIC.read_bytes().splitlines(True)
        lines.insert(len(lines) // 2, b'no time at all\n')
        stack = self.play(b''.join(lines))
        self.assertIn(f'line={len(lines) // 2 + 1} error="no receive time"',
                      stack.log('marketd'))
        self.assertTrue(self.quotes(stack))

    def test_garbage_is_counted_and_passed_over(self):
        lines = BASIC.read_bytes().splitlines(True)
        time = lines[-2].split(b' ', 1)[0]
        whole = self.play(b''.join(lines))
        want = self.quotes(whole)
        for at, text in ((-1, b'{"e":"trade"'), (-1, b'\xff\xfe\x00'),
                         (-1, b'[' * 5000), (-1, b'{"e":"trade","s":7}')):
            lines.insert(at, time + b' ' + text + b'\n')
        stack = self.play(b''.join(lines))
        self.assertIn(' error=0', stack.log('marketd'))
        self.assertGreaterEqual(stack.source('replay')['refused']['parse'], 3)
        have = self.quotes(stack)
        self.assertEqual(set(have), set(want))
        for symbol, quote in want.items():
            for key in ('current_price', 'bid', 'ask', 'timestamp', 'volume'):
                self.assertEqual(have[symbol][key], quote[key], symbol)


if __name__ == '__main__':
    unittest.main()
