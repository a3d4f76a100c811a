# Copyright (C) the ngx_trading authors
# SPDX-License-Identifier: BSD-2-Clause

"""The live page at /demo/ in a browser: prices move through /ws and /sse, and
go on moving after nginx was reloaded and after marketd was killed."""

import os
import signal
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from browser import PROGRAM, Browser                        # noqa: E402
from stack import MODULE, ROOT, Stack, wait_for             # noqa: E402

TRANSPORTS = ('websocket', 'sse')
PRICES = "[...document.querySelectorAll('#prices td:nth-child(2)')]" \
    ".map((cell) => cell.textContent).join()"
TEXT = "document.getElementById('%s').textContent"
LIVE = TEXT % 'state' + " === 'Live'"


def streams():
    """The module may be older than the page."""
    return b'trading_stream' in MODULE.read_bytes() and \
        'location = /ws' in (ROOT / 'nginx.conf.example').read_text()


class Page(Browser):
    """The page of a stack, with one transport chosen."""

    def __init__(self, stack, transport='websocket', width=1360, dark=False):
        super().__init__(width, 900, dark)
        try:
            self.open(f'http://127.0.0.1:{stack.port}/demo/',
                      "!!document.getElementById('state')")
            self.value(f"document.querySelector('[value={transport}]')"
                       ".click()")
            self.until(LIVE)
        except BaseException:
            self.close()
            raise

    def text(self, name):
        return self.value(TEXT % name)

    def moves(self, times=3):
        """Prices change so many times."""
        for _ in range(times):
            before = self.value(PRICES)
            wait_for(lambda: self.value(PRICES) != before, 'prices move')

    def figure(self, name):
        return int(self.text(name))


class Files(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = Stack()

    @classmethod
    def tearDownClass(cls):
        cls.stack.end()
        cls.stack.judge()

    def test_page_with_its_policy(self):
        for path in ('/demo/', '/demo', '/demo/index.html'):
            answer = self.stack.get(path)
            self.assertEqual(answer.status, 200, path)
            self.assertEqual(answer.headers['content-type'],
                             'text/html; charset=utf-8')
            policy = answer.headers['content-security-policy']
            self.assertIn("default-src 'none'", policy)
            self.assertNotIn('unsafe', policy)
            self.assertNotIn('http', policy)
            for inline in (b'<style', b' style=', b' onclick=', b'<script>'):
                self.assertNotIn(inline, answer.body)

    def test_every_file_with_its_type(self):
        types = {'.js': 'application/javascript; charset=utf-8',
                 '.css': 'text/css; charset=utf-8', '.svg': 'image/svg+xml',
                 '.html': 'text/html; charset=utf-8'}
        paths = [(f'/demo/{file.name}', file)
                 for file in (ROOT / 'web' / 'stream').iterdir()]
        paths += [(f'/demo/lib/{file.name}', file)
                  for file in (ROOT / 'web' / 'lib').glob('*.js')]
        self.assertGreater(len(paths), 8)
        for path, file in paths:
            answer = self.stack.get(path)
            self.assertEqual((answer.status, answer.body),
                             (200, file.read_bytes()), path)
            self.assertEqual(answer.headers['content-type'],
                             types[file.suffix], path)

    def test_what_is_missing_is_a_problem(self):
        for path in ('/demo/none.js', '/demo/lib/', '/demo/lib/test/x',
                     '/demo/%2e%2e/board', '/demo/lib'):
            answer = self.stack.get(path)
            self.assertIn(answer.status, (301, 400, 403, 404), path)
            self.assertEqual(answer.headers['content-type'],
                             'application/problem+json', path)
        self.assertEqual(self.stack.get('/demo/', method='POST').status, 405)


@unittest.skipUnless(PROGRAM, 'no chromium here')
@unittest.skipUnless(streams(), 'the module has no streams yet')
class Streams(unittest.TestCase):
    def test_prices_move(self):
        for transport, width in zip(TRANSPORTS, (1360, 380)):
            with self.subTest(transport=transport), Stack() as stack, \
                    Page(stack, transport, width, dark=width < 500) as page:
                page.moves()
                wait_for(lambda: page.figure('rate') > 0, 'messages counted')
                self.assertEqual(page.figure('reconnects'), 0)
                self.assertFalse(page.value(
                    "document.getElementById('simulated').hidden"))
                self.assertEqual(page.complaints(), [])
                home = f'127.0.0.1:{stack.port}/'
                self.assertEqual([url for url in page.requests()
                                  if url.partition('://')[2].partition('/')[0]
                                  + '/' != home], [])
                self.assertLessEqual(page.value(
                    'document.documentElement.scrollWidth'), width)

    def test_one_instrument(self):
        """Its candles, trades and book, and those of the next."""
        for transport in TRANSPORTS:
            with self.subTest(transport=transport), Stack() as stack, \
                    Page(stack, transport) as page:
                page.moves(1)
                for symbol in ('BTC', 'ETH'):
                    page.value(f"document.querySelector('#prices "
                               f"[data-symbol={symbol}]').click()")
                    for tab, shown in (
                            ('candles', "document.getElementById('chart')"
                             f".ariaLabel.includes(' candles of {symbol}.')"),
                            ('trades', "document.querySelectorAll("
                             "'#trades tr').length > 2"),
                            ('orderbook', "document.querySelectorAll("
                             "'#bids tr').length > 2"),
                            ('signals', "document.querySelectorAll("
                             "'#signals tr').length > 2")):
                        page.value(f"document.getElementById('tab-{tab}')"
                                   ".click()")
                        page.until(shown)
                # the stream of the one before was ended by the page
                self.assertEqual([word for word in page.complaints()
                                  if 'ERR_ABORTED' not in word], [])

    def test_keyboard(self):
        with Stack() as stack, Page(stack, width=380) as page:
            page.value("document.getElementById('tab-prices').focus()")
            for key, want in (('ArrowRight', 'tab-candles'),
                              ('ArrowRight', 'tab-trades'),
                              ('End', 'tab-signals'), ('Home', 'tab-prices'),
                              ('ArrowLeft', 'tab-signals')):
                for kind in ('keyDown', 'keyUp'):
                    page.call('Input.dispatchKeyEvent', type=kind, key=key)
                self.assertEqual(page.value('document.activeElement.id'), want)
                self.assertEqual(page.value(
                    "document.querySelectorAll('[aria-selected=true]').length"
                    "+ ' ' + document.activeElement.ariaSelected"), '1 true')

    def test_a_reload_of_nginx(self):
        for transport in TRANSPORTS:
            with self.subTest(transport=transport), Stack() as stack, \
                    Page(stack, transport) as page:
                page.moves(1)
                old = set(stack.worker_pids())
                os.kill(stack.nginx.pid, signal.SIGHUP)
                wait_for(lambda: not any(Path(f'/proc/{pid}').exists()
                                         for pid in old), 'old workers leave',
                         60)
                page.until(LIVE)
                page.moves()
                self.assertEqual(page.figure('missed'), 0)

    def test_a_kill_of_marketd(self):
        for transport in TRANSPORTS:
            with self.subTest(transport=transport), \
                    Stack(supervise=True) as stack, \
                    Page(stack, transport) as page:
                page.moves(1)
                for _ in range(2):
                    old = stack.marketd.pid
                    os.kill(old, signal.SIGKILL)
                    wait_for(lambda: stack.marketd.pid != old, 'marketd again')
                    page.moves()
                    page.until(LIVE)


if __name__ == '__main__':
    unittest.main()
