#!/usr/bin/python3
# Copyright (C) the ngx_trading authors
# SPDX-License-Identifier: BSD-2-Clause

"""Protects: /metrics is what Prometheus reads, by Prometheus' own judgement.

`promtool check metrics` reads the text with Prometheus' parser and lints
names, types, units and help. It must have nothing to say, with a market, with
one that never was, and with feeds in trouble.
"""

import shutil
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from stack import Stack, crypto, wait_for                       # noqa: E402

PROMTOOL = shutil.which('promtool')


def judged(text):
    """What promtool has to say, and its exit status."""
    done = subprocess.run([PROMTOOL, 'check', 'metrics'], input=text,
                          capture_output=True, timeout=30, check=False)
    return done.stdout.decode() + done.stderr.decode(), done.returncode


@unittest.skipUnless(PROMTOOL, "no promtool: Debian's package prometheus")
class Metrics(unittest.TestCase):

    def right(self, stack):
        answer = stack.get('/metrics')
        self.assertEqual(answer.status, 200)
        self.assertEqual(judged(answer.body), ('', 0))
        return answer.body

    def test_promtool_finds_what_is_wrong(self):
        with Stack() as stack:
            text = stack.get('/metrics').body
        for old, new in (
                (b'# TYPE trading_requests_total counter',
                 b'# TYPE trading_requests_total gauge'),
                (b'trading_page_lag_seconds', b'trading_page_lag_ms'),
                (b'trading_board_up 1', b'trading_board_up one')):
            self.assertIn(old, text)
            self.assertNotEqual(judged(text.replace(old, new)), ('', 0), old)

    def test_market_that_runs(self):
        with Stack(workers=2) as stack:
            for path in ('/market/prices', '/market/nothing', '/health'):
                stack.get(path)
            self.assertIn(b'trading_source_state', self.right(stack))

    def test_no_market(self):
        with Stack(marketd=False) as stack:
            self.assertIn(b'\ntrading_board_up 0\n', self.right(stack))

    def test_sources_in_trouble_and_kept_books(self):
        rows = [row for row in crypto() if row['symbol'] == 'BTC']
        with Stack(feed=['--synthetic', 'BTCUSDT', '--rate', 200],
                   env={'BINANCE_STREAMS': 'trade,bookTicker,depth@100ms',
                        'BINANCE_BACKFILL': 0}, catalogue=rows) as stack:
            wait_for(lambda: stack.metrics().get(
                'trading_book_events_total{event="checked"}'), 'books')
            stack.feed.act('cut', refuse=True)
            wait_for(lambda: any(
                value and 'reconnects_total' in name
                for name, value in stack.metrics().items()), 'trouble')
            self.right(stack)


if __name__ == '__main__':
    unittest.main()
