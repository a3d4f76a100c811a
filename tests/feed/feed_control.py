# Copyright (C) the ngx_trading authors
# SPDX-License-Identifier: BSD-2-Clause

"""The control port: plain HTTP on loopback, by which a test makes things fail.

POST /control {"action": name, ...} does one thing and answers {"ok": true, ...}
when it is done; GET /status is the same as {"action": "status"}. The actions
are the do_* methods below; each names its parameters.
"""

import asyncio
import json
import time

import faults
import feed_http as http

ACTIONS = 'do_'


class Control:
    def __init__(self, app):
        self.app = app
        self.hub, self.rest, self.source = app.hub, app.rest, app.source

    async def serve(self, reader, writer):
        try:
            while True:
                request = await http.read_request(reader)
                if request is None:
                    return
                status, answer = await self._answer(request)
                writer.write(http.response(status, answer))
                await writer.drain()
        except (http.ProtocolError, asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.close()

    async def _answer(self, request):
        try:
            if request.path == '/status':
                return 200, await self.do_status()
            if request.path != '/control' or request.method != 'POST':
                return 404, {'ok': False, 'error': 'POST /control'}
            params = json.loads(request.body)
            action = params.pop('action')
            method = getattr(self, ACTIONS + action, None)
            if method is None:
                names = sorted(n[len(ACTIONS):] for n in dir(self)
                               if n.startswith(ACTIONS))
                return 400, {'ok': False, 'error': 'unknown action',
                             'actions': names}
            return 200, {'ok': True, **(await method(**params) or {})}
        except (ValueError, TypeError, KeyError, AttributeError) as wrong:
            return 400, {'ok': False, 'error': repr(wrong)}

    async def do_status(self):
        hub, source = self.hub, self.source
        if hub.record:
            hub.record.flush()          # whoever asks may go on to read it
        return {
            'ok': True,
            'clients': len(hub.clients),
            'connections_total': hub.connections,
            'connect_times': [round(t, 3) for t in hub.connect_times],
            'messages_sent': hub.sent,
            'sent_by_stream': dict(hub.counts),
            'last_sent': {s: json_or_text(d) for s, d in hub.last.items()},
            'subscriptions': hub.subscriptions(),
            'requests': list(hub.requests),
            'pongs': hub.pongs,
            'incoming': hub.incoming,
            'client_errors': list(hub.errors),
            'closes': list(hub.closes),
            'client_details': [
                {'target': c.target[:2000], 'agent': c.agent,
                 'combined': c.combined, 'streams': len(c.streams),
                 'sent': c.sent, 'pongs': c.pongs,
                 'age': round(time.time() - c.opened, 3),
                 'unsent': c.writer.transport.get_write_buffer_size()}
                for c in hub.clients],
            'rest_total': self.rest.total,
            'rest_calls': list(self.rest.calls),
            'weight': self.rest.weights.used,
            'played': source.played if source else 0,
            'started': source.started if source else False,
            'done': source.done if source else True,
            'shift_ms': source.shift_ms if source else 0,
        }

    # the connection

    async def do_cut(self, how='rst', refuse=False):
        """Abort every connection: how "rst" or "fin"; refuse: and stay so."""
        if refuse:
            await self.app.listener.stop()
        clients = list(self.hub.clients)
        for client in clients:
            client.cut(how)
        self.app.cut_rest(how)
        return {'clients': len(clients)}

    async def do_refuse(self, how='port', target='all'):
        """how: "port" (nobody listens), "close" (accept, then RST), "http"
        (503), "hang" (accept, never answer); target: all, ws or rest."""
        if how not in ('port', 'close', 'http', 'hang') \
                or target not in ('all', 'ws', 'rest'):
            raise ValueError('how or target')
        if how == 'port':
            await self.app.listener.stop()
        else:
            self.app.refusing = (how, target)

    async def do_accept(self):
        self.app.refusing = None
        await self.app.listener.start()

    async def do_mute(self, pings=True, pongs=True, listed=False):
        """Send no event. pings false: no server pings either; pongs false:
        client pings go unanswered: the half-dead connection. listed: the
        subscriptions that died are still said to be there."""
        self.hub.muted, self.hub.listed = True, listed
        self.hub.send_pings, self.hub.answer_pings = pings, pongs

    async def do_unmute(self):
        self.hub.muted = False
        self.hub.send_pings = self.hub.answer_pings = True

    async def do_slow(self, on=True, delay_ms=1):
        """WebSocket bytes go out one at a time."""
        self.hub.slow_ms = delay_ms if on else None

    async def do_close(self, code=1001, reason=''):
        """Close every connection in order."""
        clients = list(self.hub.clients)
        for client in clients:
            client.close(code, reason)
        return {'clients': len(clients)}

    async def do_shutdown(self, after=0.0):
        """Announce serverShutdown, and close with 1001 after that long."""
        data = b'{"e":"serverShutdown","E":%d}' % int(time.time() * 1000)
        for client in self.hub.clients:
            client.flush()
            client.write(http.frame(http.TEXT, http.envelope(
                '!serverShutdown', data) if client.combined else data))

        async def later():
            await asyncio.sleep(after)
            await self.do_close(1001, 'server shutdown')
        self.hub.spawn(later())

    async def do_ping(self, timeout=2.0):
        took = await self.hub.ping_all(timeout)
        return {'clients': len(took), 'ms': took,
                'pongs': sum(t is not None for t in took)}

    # what is said

    async def do_send(self, stream=None, data=None, raw=None, all=False):
        """An event (data: text taken as it is, or JSON) to the stream's
        subscribers, or with all to everybody; or a raw text frame to all."""
        if raw is None:
            text = data.encode() if isinstance(data, str) else json.dumps(
                data, separators=(',', ':')).encode()
            if not all:
                number = self.hub.publish(stream, text)
                await self.hub.flush()
                return {'clients': number}
        for client in self.hub.clients:
            payload = raw.encode() if raw is not None else \
                http.envelope(stream, text) if client.combined else text
            client.flush()
            client.write(http.frame(http.TEXT, payload))
        await self.hub.flush()
        return {'clients': len(self.hub.clients)}

    async def do_garbage(self, kinds=None, kind=None, symbol='BTCUSDT'):
        """Broken input of the given kinds to every client; see faults.py.
        Without kinds: the list of kinds and what is expected of each."""
        kinds = kinds or ([kind] if kind else None)
        if kinds is None:
            return {'kinds': {k: v[0] for k, v in faults.KINDS.items()}}
        sent = []
        for name in kinds:
            expect, build = faults.KINDS[name]
            context = faults.Context(self.hub, self.rest, symbol,
                                     int(time.time() * 1000))
            for client in self.hub.clients:
                client.flush()
                client.write(build(context, client.combined))
            result = {'kind': name, 'expect': expect,
                      'clients': len(self.hub.clients)}
            if expect == 'valid':
                price = faults.valid_price(context)
                result['last'] = f'{price:.8f}'
                data = context.trade(price)
                self.hub.last[context.lower + '@trade'] = data
                self.hub.note_record(b'%d %s\n' % (
                    time.time_ns(),
                    http.envelope(context.lower + '@trade', data)))
            sent.append(result)
        await self.hub.flush()
        return {'sent': sent}

    async def do_stream_fault(self, stream, how, count=1):
        """The next count events of the stream are dropped, sent twice
        ("duplicate"), or sent after the one that follows ("reorder")."""
        if how not in ('drop', 'duplicate', 'reorder'):
            raise ValueError('how')
        self.hub.mangle.append({'stream': stream, 'how': how,
                                'count': count})

    async def do_stream_reset(self):
        """Forget waiting faults of streams."""
        self.hub.mangle.clear()

    async def do_book(self, symbol, limit=20):
        """The symbol's book at this moment, as REST would give it."""
        book = self.hub.books.now(symbol)
        return {'book': book.rest(limit) if book else None}

    async def do_pause(self):
        if self.source:
            self.source.running.clear()

    async def do_resume(self):
        if self.source:
            self.source.running.set()

    async def do_step(self, count=1):
        """While paused: play the next messages, then answer."""
        if self.source is None or self.source.running.is_set():
            raise ValueError('not paused')
        return {'stepped': await self.source.step(count),
                'played': self.source.played}

    # REST

    async def do_rest_status(self, status, retry_after=None, count=1,
                             path=None, query=None, location=None):
        """The next count calls (to path, with that in the query) get this
        status."""
        self.rest.faults.append({
            'status': status, 'retry_after': retry_after, 'count': count,
            'path': path, 'query': query, 'location': location})

    async def do_rest_body(self, kind, count=1, path=None, query=None,
                           delay_ms=1):
        """The next count calls get a broken body; kinds in faults.py."""
        if kind not in faults.REST_BODIES:
            raise ValueError(f'kinds: {", ".join(faults.REST_BODIES)}')
        self.rest.faults.append({'body': kind, 'count': count, 'path': path,
                                 'query': query, 'delay_ms': delay_ms})

    async def do_rest_delay(self, seconds, count=1, path=None, made=False):
        """The next count calls are answered late; made: with what there was
        when they came, as a slow network would have it."""
        self.rest.faults.append({'seconds': seconds, 'count': count,
                                 'path': path, 'made': made})

    async def do_rest_reset(self, weight_limit=None):
        """Forget waiting faults, used weight and bans; set a new limit."""
        self.rest.faults.clear()
        self.rest.weights.reset()
        if weight_limit is not None:
            self.rest.weights.limit = weight_limit


def json_or_text(data):
    try:
        return json.loads(data)
    except ValueError:
        return data.decode('utf-8', 'replace')
