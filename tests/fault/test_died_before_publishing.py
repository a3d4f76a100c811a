#!/usr/bin/python3
# Copyright (C) the ngx_trading authors
# SPDX-License-Identifier: BSD-2-Clause

"""Protects: a marketd that dies between reserving its seqs and publishing its
board leaves no trace. The next one knows the board that is there for its own,
carries the quotes over and goes on with its seqs. Such a death is made here by
a source that can never work, which is found out at just that point."""

import os
import re
import struct
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MARKETD = ROOT / os.environ.get('TRADING_BUILD', 'build') / 'marketd'
GENERATION = 24         # where it stands in the header


class DiedBeforePublishing(unittest.TestCase):

    def marketd(self, run, wait, **settings):
        """Its log, after it ended by itself or was told to."""
        process = subprocess.Popen(
            [str(MARKETD)], stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
            env=dict(settings, TRADING_RUN_DIR=run, PATH=os.environ['PATH'],
                     HISTORY_DIR=run,
                     INSTRUMENTS_FILE=str(ROOT / 'instruments.json')))
        try:
            process.wait(wait)
        except subprocess.TimeoutExpired:
            process.terminate()
        log = process.communicate(timeout=10)[1].decode()
        return process.returncode, log

    def generation(self, run):
        data = Path(run, 'board').read_bytes()[:64]
        return struct.unpack_from('<Q', data, GENERATION)[0]

    def test_quotes_are_carried_over(self):
        with tempfile.TemporaryDirectory(dir='/dev/shm') as run:
            self.assertEqual(self.marketd(run, 1)[0], 0)
            before = self.generation(run)
            for _ in range(2):
                code, log = self.marketd(run, 5, TRADING_SOURCE='live',
                                         BINANCE_WS_URL='nonsense')
                self.assertEqual(code, 1, log)
                self.assertIn('BINANCE_WS_URL', log)
                self.assertEqual(self.generation(run), before)
                time.sleep(0.01)
            log = self.marketd(run, 1)[1]
            self.assertRegex(log, r'quotes_carried count=23 generation=%d'
                             % before)
            self.assertIsNone(re.search(r'level=error', log), log)


if __name__ == '__main__':
    unittest.main()
