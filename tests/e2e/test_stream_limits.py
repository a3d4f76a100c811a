# Copyright (C) the ngx_trading authors
# SPDX-License-Identifier: BSD-2-Clause

"""How many streams an address and an account may have, by the lines of
nginx.conf.example, those that are commented out included."""

import contextlib
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from stack import Stack, wait_for                           # noqa: E402
from ws import Sse, Ws                                      # noqa: E402

CHANNEL = 'channels=health'


def edited(text, pairs):
    for old, new in pairs:
        if old not in text:
            raise AssertionError(f'{old!r} is not in the configuration')
        text = text.replace(old, new)
    return text


def by_address(text):
    return edited(text, [('127.0.0.0/8     0;', '127.0.0.0/8     1;'),
                         ('trading_streams 200;', 'trading_streams 2;')])


def by_account(text):
    return edited(text, [
        ('# limit_conn_zone   $trading_account ',
         'map $http_x_account $trading_account { default $http_x_account; }'
         '\n    limit_conn_zone   $trading_account '),
        ('# limit_conn    trading_account_streams 20;',
         'limit_conn    trading_account_streams 2;')])


class Limits(unittest.TestCase):
    def two_and_no_more(self, stack, fields):
        """Over both ways together; room comes back when one ends."""
        with contextlib.ExitStack() as streams:
            first = streams.enter_context(Ws(stack.port, fields=fields))
            streams.enter_context(Sse(stack.port, f'/sse?{CHANNEL}', fields))
            answer = stack.get(f'/sse?{CHANNEL}', dict(fields))
            self.assertEqual((answer.status, answer.json()['code']),
                             (429, 'too_many_requests'))
            self.assertEqual(stack.get('/market/prices').status, 200)
            first.drop()

            def room():
                try:
                    return streams.enter_context(
                        Ws(stack.port, fields=fields))
                except AssertionError:
                    return None
            wait_for(room, 'there is room for another')

    def test_of_an_address(self):
        with Stack(edit=by_address) as stack:
            self.two_and_no_more(stack, [])

    def test_of_an_account(self):
        with Stack(edit=by_account) as stack:
            self.two_and_no_more(stack, [('X-Account', 'one')])
            with contextlib.ExitStack() as streams:
                for fields in ([], [], [], [('X-Account', 'two')]):
                    streams.enter_context(Ws(stack.port, fields=fields))


if __name__ == '__main__':
    unittest.main()
