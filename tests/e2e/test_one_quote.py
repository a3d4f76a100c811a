#!/usr/bin/python3
# Copyright (C) the ngx_trading authors
# SPDX-License-Identifier: BSD-2-Clause

"""Protects: one quote is the same on every surface.

build/mixed_reads reads READS times (a million by default) from several
processes, on persistent connections and pipelined, while the simulator writes
fast: quotes, whole market, chosen symbols, summary, signals, binary codes,
plain and gzip. It parses every body and compares every reading of one
instrument and seq with every other; a torn page, a page joined from two
moments, a rounding that differs between surfaces or a seq that goes backwards
are violations, told with their bodies.
"""

import json
import os
import subprocess
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from stack import BUILD, ROOT, Stack, note                      # noqa: E402

READS = int(os.environ.get('READS', '1000000'))
SECONDS = 90


def tool():
    """The plain build will do: it is the product that is tested."""
    path = BUILD / 'mixed_reads'
    if not path.exists():
        path = ROOT / 'build' / 'mixed_reads'
    if not path.exists():
        subprocess.run(['make', '-s', 'tools'], cwd=ROOT, check=True)
    return path


class OneQuote(unittest.TestCase):

    def read(self, stack, reads, seconds, processes=2):
        symbols = [s.replace('/', '%2F') for s in stack.json('/market/prices')]
        done = subprocess.run(
            [tool(), str(stack.port), str(reads), str(processes),
             str(seconds), *symbols], capture_output=True, text=True,
            timeout=seconds + 60)
        self.assertIn(done.returncode, (0, 1), done.stderr[-4000:])
        got = json.loads(done.stdout)
        note(f'{got["reads"]} reads in {got["seconds"]} s '
             f'({got["reads"] / got["seconds"]:.0f}/s), {got["objects"]} '
             f'objects, {got["compared"]} comparisons, {got["tags"]} equal '
             f'tags, {got["gzip"]} gzip')
        self.assertEqual(got['violations'], 0, done.stderr[-4000:])
        self.assertEqual(done.returncode, 0, done.stderr[-4000:])
        # what was to be compared was compared, and on every surface
        self.assertGreater(got['objects'], got['reads'])
        self.assertGreater(got['compared'], got['reads'] // 2)
        self.assertGreater(got['gzip'], got['reads'] // 50)
        self.assertGreater(got['tags'], got['reads'] // 100)
        return got

    def test_million_mixed_reads_while_the_simulator_writes_fast(self):
        with Stack(env={'SIMULATOR_RATE': 5000}) as stack:
            before = stack.json('/market/overview')['seq']
            got = self.read(stack, READS, SECONDS)
            wrote = stack.json('/market/overview')['seq'] - before
            note(f'{wrote / got["seconds"]:.0f} updates/s meanwhile')
            # half as many as were asked for is still "fast"
            self.assertGreater(wrote, 500 * got['seconds'])
            self.assertGreaterEqual(got['reads'], READS,
                                    f'{SECONDS} s were not enough')
            metrics = stack.metrics()
            self.assertEqual(sum(v for k, v in metrics.items()
                                 if 'corrupt' in k), 0)

    def test_reads_while_it_writes_as_fast_as_it_can(self):
        with Stack(env={'SIMULATOR_RATE': 0}) as stack:
            self.read(stack, min(READS, 60000), 20)

    def test_reads_of_a_slow_market_meet_every_surface_of_each_seq(self):
        # few seqs, so that nearly all readings of one are compared
        with Stack(env={'SIMULATOR_RATE': 200}) as stack:
            got = self.read(stack, min(READS, 100000), 20)
            self.assertGreater(got['compared'], 2 * got['objects'])

    def test_a_wait_ends_with_a_newer_quote_though_its_page_is_not_there(self):
        with Stack(env={'SIMULATOR_RATE': 20000,
                        'PAGE_INTERVAL_US': 100000}) as stack:
            client, seq, end = stack.client(), 0, time.monotonic() + 2
            while time.monotonic() < end:
                answer = client.ask(f'/market/prices/BTC?after_seq={seq}')
                self.assertEqual(answer.status, 200)
                self.assertNotIn('x-timed-out', answer.headers)
                quote = answer.json()
                self.assertGreater(quote['seq'], seq)
                seq = quote['seq']
                self.assertIn(f'-{seq:x}"', answer.headers['etag'])

    def test_detector_shows_a_difference(self):
        # the market is stood on its head behind the readers' backs: marketd
        # restarts with another seed and its seqs begin again
        with Stack(env={'SIMULATOR_SEED': 1, 'SIMULATOR_UPDATES': 23,
                        'SIMULATOR_START': '2026-01-02T03:04:05Z'}) as stack:
            args = [tool(), str(stack.port), '100000000', '1', '6', 'BTC',
                    'ETH']
            reader = subprocess.Popen(args, stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE, text=True)
            try:
                reader.wait(1.5)
            except subprocess.TimeoutExpired:
                pass
            stack.marketd.stop()
            stack.board.unlink()
            stack.env['SIMULATOR_SEED'] = 2
            stack.start_marketd()
            out, told = reader.communicate(timeout=60)
            self.assertEqual(reader.returncode, 1, out)
            self.assertIn('violation', told)


if __name__ == '__main__':
    print(f'binaries: {BUILD}')
    unittest.main()
