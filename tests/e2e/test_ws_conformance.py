# Copyright (C) the ngx_trading authors
# SPDX-License-Identifier: BSD-2-Clause

"""RFC 6455 and RFC 7692, line by line as docs/websocket-conformance.md lists
them. Behind each test the worker is the same as before it, and another client
of it has been heard."""

import json
import re
import socket
import struct
import sys
import time
import unittest
import zlib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from stack import ROOT, Stack                               # noqa: E402
from ws import (BINARY, CLOSE, CONT, DEFLATE, KEY, PING,    # noqa: E402
                PONG, TEXT, Closed, Ws, accept_of, deflated, dial, frame,
                handshake, read_head)

DOCS = ROOT / 'docs' / 'websocket-conformance.md'
ORIGIN = 'https://app.example.com'
PING_TEXT = b'{"type":"ping","id":1}'
MAX = 4096


def allow_origin(text):
    line = f'# "{ORIGIN}"  $http_origin;'
    assert line in text
    return text.replace(line, line[2:])


def code(number, reason=b''):
    return struct.pack('>H', number) + reason


def padded(size):
    """A ping of so many bytes."""
    head = b'{"type":"ping","id":1,"x":"'
    return head + b'a' * (size - len(head) - 2) + b'"}'


class Conformance(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = Stack(edit=allow_origin)
        cls.pids = cls.stack.worker_pids()
        cls.witness = Ws(cls.stack.port)
        cls.witness.ask('subscribe', 'subscribed', channels=['prices'],
                        symbols=['BTC'])

    @classmethod
    def tearDownClass(cls):
        cls.witness.drop()
        cls.stack.end()
        cls.stack.judge()

    def setUp(self):
        self.open = []

    def tearDown(self):
        for ws in self.open:
            ws.drop()
        time.sleep(0.05)            # its messages are counted, too
        self.witness.alive()
        self.assertEqual(self.stack.worker_pids(), self.pids)

    def ws(self, **how):
        self.open.append(Ws(self.stack.port, **how))
        return self.open[-1]

    def pinged(self, ws, number=1):
        self.assertEqual(ws.until('pong')['id'], number)

    def fails(self, number, data, ws=None, **how):
        """The bytes get this close code, and TCP ends."""
        ws = ws or self.ws(**how)
        try:
            ws.send(data)
        except (BrokenPipeError, ConnectionResetError):
            pass                    # it was closed before all was sent
        self.assertEqual(ws.end()[0], number)

    def answer(self, request):
        sock = dial(self.stack.port)
        try:
            sock.sendall(request)
            status, fields, body = read_head(sock)
            fields = dict(fields)
            while len(body) < int(fields.get('content-length', 0)):
                body += sock.recv(65536)
            return status, fields, body
        finally:
            sock.close()

    def refused(self, status, name, request):
        got, fields, body = self.answer(request)
        self.assertEqual(got, status, body)
        self.assertEqual(fields['content-type'], 'application/problem+json')
        self.assertEqual(json.loads(body)['code'], name)
        self.assertNotIn('sec-websocket-accept', fields)
        return fields

    def accepted(self, request):
        status, fields, _ = self.answer(request)
        self.assertEqual(status, 101)
        return fields

    # ---- the handshake

    def test_accept_value(self):
        """1.3: the key of the RFC gives the accept value of the RFC"""
        fields = self.accepted(handshake(key=KEY))
        self.assertEqual(fields['sec-websocket-accept'],
                         's3pPLMBiTxaQ9kYGzzhZRbK+xOo=')
        self.assertEqual(accept_of(KEY), 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=')

    def test_answer_fields(self):
        """4.2.2: 101 names the upgrade, no extension or protocol unasked"""
        fields = self.accepted(handshake(
            fields=[('Sec-WebSocket-Protocol', 'chat')]))
        self.assertEqual(fields['upgrade'].lower(), 'websocket')
        self.assertEqual(fields['connection'].lower(), 'upgrade')
        for name in ('sec-websocket-extensions', 'sec-websocket-protocol',
                     'content-length', 'transfer-encoding'):
            self.assertNotIn(name, fields)

    def test_http_10(self):
        """4.2.1: HTTP/1.0 is refused with 400"""
        self.refused(400, 'bad_handshake', handshake(version='HTTP/1.0'))

    def test_post(self):
        """4.2.1: another method than GET is refused with 405"""
        fields = self.refused(405, 'method_not_allowed', handshake(
            method='POST', fields=[('Content-Length', '0')]))
        self.assertIn('GET', fields['allow'])

    def test_no_upgrade(self):
        """4.2.1: without Upgrade it is 426 and names the protocol"""
        fields = self.refused(426, 'upgrade_required', handshake(
            without=['upgrade'], fields=[('Accept', 'text/html')]))
        self.assertEqual(fields['upgrade'], 'websocket')

    def test_other_upgrade(self):
        """4.2.1: an upgrade to something else is 426"""
        self.refused(426, 'upgrade_required', handshake(
            without=['upgrade'], fields=[('Upgrade', 'h2c'),
                                         ('Accept', 'text/html')]))

    def test_upgrade_list(self):
        """4.2.1: Upgrade may list several, in any case, on several lines"""
        self.accepted(handshake(without=['upgrade'], fields=[
            ('Upgrade', 'h2c, WebSocket')]))
        self.accepted(handshake(without=['upgrade'], fields=[
            ('Upgrade', 'h2c'), ('Upgrade', 'WEBSOCKET')]))

    def test_upgrade_twice(self):
        """4.2.1: Upgrade: websocket said twice is one list and accepted"""
        self.accepted(handshake(fields=[('Upgrade', 'websocket')]))

    def test_upgrade_is_a_token(self):
        """4.2.1: a word that only begins like websocket is none"""
        for word in ('websockets', 'web socket', 'xwebsocket'):
            self.refused(426, 'upgrade_required', handshake(
                without=['upgrade'], fields=[('Upgrade', word),
                                             ('Accept', 'text/html')]))

    def test_no_connection(self):
        """4.2.1: without Connection it is 400"""
        self.refused(400, 'bad_handshake',
                     handshake(without=['connection']))

    def test_other_connection(self):
        """4.2.1: Connection without the token upgrade is 400"""
        for value in ('keep-alive', 'upgraded', 'close', 'no-upgrade'):
            self.refused(400, 'bad_handshake', handshake(
                without=['connection'], fields=[('Connection', value)]))

    def test_connection_list(self):
        """4.2.1: Connection may list several, in any case, on several lines"""
        self.accepted(handshake(without=['connection'], fields=[
            ('Connection', 'keep-alive, UPGRADE')]))
        self.accepted(handshake(without=['connection'], fields=[
            ('Connection', 'keep-alive'), ('Connection', 'Upgrade')]))

    def test_version_absent(self):
        """4.2.1: without a version it is 426 and names version 13"""
        fields = self.refused(426, 'upgrade_required', handshake(
            without=['sec-websocket-version']))
        self.assertEqual(fields['sec-websocket-version'], '13')

    def test_version_other(self):
        """4.4: another version than 13 is 426 and names version 13"""
        for version in ('8', '0', '14', '013', '13.0', '13, 8', '-13', 'x'):
            fields = self.refused(426, 'upgrade_required', handshake(
                without=['sec-websocket-version'],
                fields=[('Sec-WebSocket-Version', version)]))
            self.assertEqual(fields['sec-websocket-version'], '13')

    def test_version_twice(self):
        """4.2.1: a version given twice is 400"""
        self.refused(400, 'bad_handshake', handshake(
            fields=[('Sec-WebSocket-Version', '13')]))

    def test_key_absent(self):
        """4.2.1: without a key it is 400"""
        self.refused(400, 'bad_handshake',
                     handshake(without=['sec-websocket-key']))

    def test_key_length(self):
        """4.2.1: a key of other than 16 bytes is 400"""
        for key in ('', 'AAAA', 'dGhlIHNhbXBsZSBub25jZQ', KEY + KEY,
                    'dGhlIHNhbXBsZSBub25jZTE='):
            self.refused(400, 'bad_handshake', handshake(key=key))

    def test_key_base64(self):
        """4.2.1: a key that is not base64 is 400"""
        for key in ('dGhlIHNhbXBsZSBub25j*Q==', 'dGhlIHNhbXBsZSBub25jZR==',
                    '======================//', 'dGhlIHNhbXBsZSBub25jZQ=A'):
            self.refused(400, 'bad_handshake', handshake(key=key))

    def test_key_twice(self):
        """4.2.1: a key given twice is 400"""
        self.refused(400, 'bad_handshake', handshake(
            fields=[('Sec-WebSocket-Key', KEY)]))

    def test_origin_absent(self):
        """4.2.1: a client without Origin is no browser and accepted"""
        self.accepted(handshake())

    def test_origin_own(self):
        """10.2: a page of the host itself is accepted"""
        for origin in ('http://localhost', 'https://LOCALHOST'):
            self.accepted(handshake(fields=[('Origin', origin)]))

    def test_origin_allowed(self):
        """10.2: a page of an origin in the configuration is accepted"""
        self.accepted(handshake(fields=[('Origin', ORIGIN)]))

    def test_origin_other(self):
        """10.2: a page of any other origin gets 403"""
        for origin in ('https://evil.example', 'null', '', 'localhost',
                       'http://localhost.evil.example', 'http://localhost:81',
                       'http://evil.example/localhost', ORIGIN + '.evil'):
            self.refused(403, 'origin_not_allowed',
                         handshake(fields=[('Origin', origin)]))

    def test_origin_twice(self):
        """4.2.1: an Origin given twice is 400"""
        self.refused(400, 'bad_handshake', handshake(
            fields=[('Origin', 'http://localhost'),
                    ('Origin', 'http://evil.example')]))

    def test_frames_behind_the_handshake(self):
        """4.1: frames in the segment of the handshake are read"""
        ws = self.ws(glued=frame(TEXT, PING_TEXT) + frame(PING, b'glued'))
        self.pinged(ws)
        ws.pong(b'glued')

    def test_bad_frame_behind_the_handshake(self):
        """4.1: a bad frame in the segment of the handshake gets its code"""
        ws = self.ws(glued=frame(TEXT, PING_TEXT, mask=None), hello=False)
        self.assertEqual(ws.end()[0], 1002)

    # ---- frames

    def test_unmasked(self):
        """5.1: a frame that is not masked gets 1002"""
        for opcode in (TEXT, PING, CLOSE):
            self.fails(1002, frame(opcode, b'', mask=None))

    def test_server_never_masks(self):
        """5.1: no frame of the server is masked"""
        ws = self.ws()
        ws.text(PING_TEXT)
        self.pinged(ws)                     # the client judges each head

    def test_masks(self):
        """5.3: any mask is right, that of zeros too"""
        ws = self.ws()
        for n, mask in enumerate((b'\0\0\0\0', b'\xff\xff\xff\xff',
                                  b'\0\1\0\2', b'\xde\xad\xbe\xef')):
            ws.text(b'{"type":"ping","id":%d}' % n, mask=mask)
            self.pinged(ws, n)

    def test_reserved_bits(self):
        """5.2: RSV2, RSV3 and, without an extension, RSV1 get 1002"""
        for rsv in range(1, 8):
            self.fails(1002, frame(TEXT, PING_TEXT, rsv=rsv))
        for rsv in (1, 2, 3, 5, 6, 7):
            self.fails(1002, frame(TEXT, PING_TEXT, rsv=rsv))

    def test_reserved_opcodes(self):
        """5.2: opcodes 3 to 7 and 11 to 15 get 1002"""
        for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15):
            self.fails(1002, frame(opcode, b'x'))

    def test_reserved_opcode_in_a_message(self):
        """5.2: a reserved opcode within a fragmented message gets 1002"""
        self.fails(1002, frame(TEXT, b'{', fin=0) + frame(3, b'x'))

    def test_lengths_not_minimal(self):
        """5.2: a length in more bytes than it needs gets 1002"""
        for form, length in ((16, 0), (16, 22), (16, 125), (64, 0),
                             (64, 126), (64, 65535)):
            self.fails(1002, frame(TEXT, PING_TEXT, length=length,
                                   form=form))

    def test_length_top_bit(self):
        """5.2: a 64-bit length with its top bit set gets 1002"""
        for length in (1 << 63, (1 << 64) - 1):
            self.fails(1002, frame(TEXT, PING_TEXT, length=length, form=64))

    def test_length_forms(self):
        """5.2: lengths of 7 and of 16 bits, at their bounds, are read"""
        ws = self.ws()
        for size in (60, 125, 126, 127, 128, MAX - 1, MAX):
            ws.text(padded(size))
            self.pinged(ws)

    def test_split_at_every_byte(self):
        """5.2: a frame may come in pieces cut at any byte"""
        data = frame(TEXT, padded(130)) + frame(PING, b'end')
        for at in range(1, len(data)):
            if at % 40 == 1:                # 20 messages a second are allowed
                ws = self.ws()
            ws.send(data[:at])
            time.sleep(0.001)
            ws.send(data[at:])
            self.pinged(ws)
            if at % 40 == 0:
                ws.pong(b'end')

    def test_byte_by_byte(self):
        """5.2: a frame may come in pieces of one byte"""
        ws = self.ws()
        for byte in frame(TEXT, padded(130)):
            ws.send(bytes([byte]))
            time.sleep(0.0005)
        self.pinged(ws)

    def test_many_frames_in_a_segment(self):
        """5.2: many frames in one segment are answered in order"""
        ws = self.ws()
        ws.send(b''.join(frame(TEXT, b'{"type":"ping","id":%d}' % n)
                         for n in range(80)))
        self.assertEqual([ws.until('pong')['id'] for _ in range(80)],
                         list(range(80)))

    def test_frames_across_reads(self):
        """5.2: large frames across the server's reads stay whole"""
        ws = self.ws()
        ws.send(b''.join(frame(TEXT, padded(size))
                         for size in range(MAX - 40, MAX)))
        for _ in range(40):
            self.pinged(ws)

    # ---- fragments

    def test_fragments(self):
        """5.4: a message in fragments is one message"""
        ws = self.ws()
        ws.send(frame(TEXT, PING_TEXT[:5], fin=0)
                + frame(CONT, PING_TEXT[5:9], fin=0)
                + frame(CONT, PING_TEXT[9:]))
        self.pinged(ws)

    def test_fragments_of_a_byte(self):
        """5.4: fragments of one byte in segments of their own"""
        ws = self.ws()
        last = len(PING_TEXT) - 1
        for n in range(last + 1):
            ws.send(frame(CONT if n else TEXT, PING_TEXT[n:n + 1],
                          fin=n == last))
            time.sleep(0.001)
        self.pinged(ws)

    def test_empty_fragments(self):
        """5.4: fragments may be empty"""
        ws = self.ws()
        ws.send(frame(TEXT, b'', fin=0) + frame(CONT, b'', fin=0)
                + frame(CONT, PING_TEXT, fin=0) + frame(CONT, b''))
        self.pinged(ws)

    def test_endless_fragments(self):
        """5.4: an endless row of empty fragments is ended with 1008"""
        self.fails(1008, frame(TEXT, b'', fin=0)
                   + frame(CONT, b'', fin=0) * 300)

    def test_continuation_of_nothing(self):
        """5.4: a continuation of nothing gets 1002"""
        for fin in (0, 1):
            self.fails(1002, frame(CONT, b'x', fin=fin))

    def test_continuation_after_the_end(self):
        """5.4: a continuation after the message's end gets 1002"""
        self.fails(1002, frame(TEXT, b'{', fin=0) + frame(CONT, b'}')
                   + frame(CONT, b'x'))

    def test_message_in_a_message(self):
        """5.4: a new message within a fragmented one gets 1002"""
        for opcode in (TEXT, BINARY):
            self.fails(1002, frame(TEXT, b'{', fin=0) + frame(opcode, b'x'))

    def test_control_within_fragments(self):
        """5.4: control frames within a fragmented message are answered"""
        ws = self.ws()
        ws.send(frame(TEXT, PING_TEXT[:7], fin=0) + frame(PING, b'one')
                + frame(PONG, b'x') + frame(CONT, PING_TEXT[7:9], fin=0))
        ws.pong(b'one')                     # before the message is over
        ws.send(frame(PING, b'two') + frame(CONT, PING_TEXT[9:]))
        self.pinged(ws)
        self.assertEqual(ws.pongs, [b'one', b'two'])

    def test_close_within_fragments(self):
        """5.4: a close within a fragmented message closes"""
        ws = self.ws()
        ws.send(frame(TEXT, b'{', fin=0))
        self.assertEqual(ws.close(1001), (1001, ''))

    # ---- control frames

    def test_control_too_long(self):
        """5.5: a control frame of more than 125 bytes gets 1002"""
        for opcode in (CLOSE, PING, PONG):
            self.fails(1002, frame(opcode, b'\x03\xe8' + b'a' * 124))

    def test_control_fragmented(self):
        """5.5: a fragmented control frame gets 1002"""
        for opcode in (CLOSE, PING, PONG):
            self.fails(1002, frame(opcode, b'', fin=0))

    def test_ping(self):
        """5.5.2: a ping's payload comes back, whatever it is"""
        ws = self.ws()
        for payload in (b'', b'a', b'\0\xff\xfe', bytes(range(125))):
            ws.send(frame(PING, payload))
            ws.pong(payload)

    def test_pings_in_order(self):
        """5.5.3: pings in one segment get their pongs in order"""
        ws = self.ws()
        sent = [b'%d' % n for n in range(30)]
        ws.send(b''.join(frame(PING, payload) for payload in sent))
        ws.pong(sent[-1])
        self.assertEqual(ws.pongs, sent)

    def test_pong_unsolicited(self):
        """5.5.3: a pong that nobody asked for is nothing"""
        ws = self.ws()
        ws.send(frame(PONG, b'hello') * 90)         # as many as messages
        ws.text(PING_TEXT)
        self.pinged(ws)

    # ---- messages

    def test_utf8(self):
        """8.1: all that UTF-8 can say is taken"""
        ws = self.ws()
        for text in ('é', '€', '\U0001f4c8', '\U0010ffff', '\ud7ff',
                     '\ue000', '\ufffe'):
            ws.say('ping', id=text)
            self.assertTrue(ws.until('pong')['id'])
            ws.text(json.dumps({'type': 'ping', 'x': text},
                               ensure_ascii=False))
            ws.until('pong')

    def test_utf8_invalid(self):
        """8.1: text that is not UTF-8 gets 1007"""
        for bad in (b'\x80', b'\xc3', b'\xc0\xaf', b'\xe0\x80\xaf',
                    b'\xed\xa0\x80', b'\xf4\x90\x80\x80', b'\xf8\x88\x80',
                    b'\xff', b'\xe2\x82'):
            self.fails(1007, frame(TEXT, b'{"type":"ping","x":"' + bad
                                   + b'"}'))

    def test_utf8_across_fragments(self):
        """5.6: a character cut by the end of a fragment is whole again"""
        text = '{"type":"ping","id":1,"x":"\U0001f4c8"}'.encode()
        ws = self.ws()
        for cut in range(26, 31):
            ws.send(frame(TEXT, text[:cut], fin=0)
                    + frame(CONT, text[cut:]))
            self.pinged(ws)

    def test_utf8_invalid_across_fragments(self):
        """8.1: text that is not UTF-8 as a whole gets 1007"""
        self.fails(1007, frame(TEXT, b'"\xe2\x82', fin=0)
                   + frame(CONT, b'"', fin=1))
        self.fails(1007, frame(TEXT, b'"\xe2', fin=0)
                   + frame(CONT, b'', fin=0) + frame(CONT, b'\xff"'))

    def test_binary(self):
        """5.6: a binary message gets 1003, its first fragment already"""
        self.fails(1003, frame(BINARY, b'\0\1'))
        self.fails(1003, frame(BINARY, b'\0\1', fin=0))

    def test_too_large_a_frame(self):
        """10.4: a frame of more than 4096 bytes gets 1009 by its head"""
        for length in (MAX + 1, 65535, 65536, 1 << 40, (1 << 63) - 1):
            self.fails(1009, frame(TEXT, b'', length=length))

    def test_too_large_a_frame_with_its_bytes(self):
        """10.4: the close code of a large frame is read behind its bytes"""
        for _ in range(5):
            self.fails(1009, frame(TEXT, b'x' * 100000))

    def test_too_large_by_fragments(self):
        """10.4: fragments of more than 4096 bytes in all get 1009"""
        ws = self.ws()
        ws.send(frame(TEXT, padded(MAX)[:MAX // 2], fin=0)
                + frame(CONT, padded(MAX)[MAX // 2:]))
        self.pinged(ws)
        self.fails(1009, frame(TEXT, b'x' * 2048, fin=0)
                   + frame(CONT, b'x' * 2048, fin=0) + frame(CONT, b'x'), ws)

    def test_no_json(self):
        """10.7: what is no JSON is answered with an error and goes on"""
        ws = self.ws()
        for text in (b'', b'{', b'[]', b'\0', b'nul', b'{"type":"ping"'):
            ws.text(text)
            ws.until('error')
        ws.text(PING_TEXT)
        self.pinged(ws)

    # ---- the end

    def test_close_codes(self):
        """7.4.1: a valid code of the client comes back"""
        for number in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011,
                       1012, 1013, 1014, 3000, 3999, 4000, 4999):
            self.assertEqual(self.ws().close(number), (number, ''))

    def test_close_codes_invalid(self):
        """7.4.1: a code that may not be sent gets 1002"""
        for number in (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000,
                       2999, 5000, 65535):
            self.assertEqual(self.ws().close(number)[0], 1002, number)

    def test_close_without_code(self):
        """5.5.1: a close without a code is answered with 1000"""
        ws = self.ws()
        ws.send(frame(CLOSE))
        self.assertEqual(ws.end()[0], 1000)

    def test_close_with_one_byte(self):
        """5.5.1: a close with half a code gets 1002"""
        self.fails(1002, frame(CLOSE, b'\x03'))

    def test_close_with_reason(self):
        """5.5.1: a close may have a reason of up to 123 bytes"""
        for reason in (b'bye', 'é\U0001f4c8'.encode(), b'a' * 123):
            self.assertEqual(self.ws().close(1000, reason)[0], 1000)

    def test_close_reason_not_utf8(self):
        """8.1: a reason that is not UTF-8 gets 1007"""
        self.fails(1007, frame(CLOSE, code(1000, b'\xff\xfe')))
        self.fails(1007, frame(CLOSE, code(1000, b'a' * 120 + b'\xe2\x82')))

    def test_nothing_after_a_close(self):
        """5.5.1: what the client sends behind its close is not read"""
        ws = self.ws()
        ws.send(frame(CLOSE, code(1000)) + frame(TEXT, PING_TEXT)
                + frame(PING, b'x') + b'\xff\xff\xff')
        self.assertEqual(ws.end()[0], 1000)
        self.assertEqual((ws.pongs, [m for m in ws.messages
                                     if m['type'] == 'pong']), ([], []))

    def test_server_ends_tcp_first(self):
        """7.1.1: after both closes the server ends TCP, and at once"""
        ws = self.ws()
        begun = time.monotonic()
        ws.send(frame(CLOSE, code(1000)))
        self.assertEqual(ws.frame()[0], CLOSE)
        self.assertEqual(ws.sock.recv(1), b'')
        self.assertLess(time.monotonic() - begun, 2)

    def test_close_never_answered(self):
        """7.1.1: a client that does not answer a close is left after 2 s"""
        ws = self.ws()
        ws.text(b'x')
        for _ in range(21):
            ws.text(b'x')
        try:
            while ws.message():
                pass
        except Closed as closed:
            self.assertEqual(closed.code, 1008)
        ws.sock.settimeout(8)
        self.assertEqual(ws.sock.recv(1), b'')

    def test_half_closed(self):
        """7.1.1: a client that ends its half of TCP has gone"""
        ws = self.ws()
        ws.sock.shutdown(socket.SHUT_WR)
        self.assertIn(ws.end()[0], (None,))

    def test_reset(self):
        """7.1.1: clients that vanish, in the midst of anything, hurt nobody"""
        for data in (b'', b'\x81', frame(TEXT, PING_TEXT)[:9],
                     frame(TEXT, b'{', fin=0), frame(TEXT, PING_TEXT) * 50):
            for _ in range(5):
                ws = Ws(self.stack.port)
                ws.say('subscribe', channels=['prices'])
                ws.send(data)
                ws.reset()

    # ---- permessage-deflate

    def answered(self, offer):
        return self.ws(deflate=offer).extension

    def test_deflate_offer(self):
        """7692 7.1: an offer is answered, without context takeover"""
        self.assertEqual(
            self.answered(DEFLATE),
            f'{DEFLATE}; server_no_context_takeover; '
            'client_no_context_takeover')

    def test_deflate_not_offered(self):
        """7692 7: without an offer nothing is compressed"""
        ws = self.ws()
        self.assertEqual(ws.extension, '')
        ws.ask('subscribe', 'subscribed', channels=['prices'])
        for _ in range(10):
            self.assertFalse(ws.frame()[2])

    def test_deflate_takeover_parameters(self):
        """7692 7.1.1: no_context_takeover of both sides may be offered"""
        for offer in (f'{DEFLATE}; server_no_context_takeover',
                      f'{DEFLATE}; client_no_context_takeover',
                      f'{DEFLATE};client_no_context_takeover; '
                      'server_no_context_takeover'):
            self.assertIn('server_no_context_takeover', self.answered(offer))

    def test_deflate_server_bits(self):
        """7692 7.1.2.1: a bound of our window is agreed on, and kept"""
        ws = self.ws(deflate=f'{DEFLATE}; server_max_window_bits=12')
        self.assertIn('server_max_window_bits=12', ws.extension)
        ws.ask('subscribe', 'subscribed', channels=['prices', 'orderbook'])
        while not ws.frame()[2]:
            pass                            # the client inflates with 12 bits
        for bits in (13, 14, 15):
            self.assertIn('server_max_window_bits=12', self.answered(
                f'{DEFLATE}; server_max_window_bits={bits}'))

    def test_deflate_server_bits_too_few(self):
        """7692 7.1.2.1: an offer with a smaller window is declined"""
        for bits in (8, 9, 10, 11):
            self.assertEqual(self.answered(
                f'{DEFLATE}; server_max_window_bits={bits}'), '')

    def test_deflate_client_bits(self):
        """7692 7.1.2.2: client_max_window_bits may be offered"""
        for offer in ('client_max_window_bits', 'client_max_window_bits=8',
                      'client_max_window_bits="15"'):
            self.assertIn(DEFLATE, self.answered(f'{DEFLATE}; {offer}'))

    def test_deflate_bad_offers(self):
        """7692 7.1: a malformed offer is declined, the handshake goes on"""
        for offer in (f'{DEFLATE}; unknown', f'{DEFLATE}; server_max_window'
                      '_bits', f'{DEFLATE}; server_max_window_bits=16',
                      f'{DEFLATE}; server_max_window_bits=7',
                      f'{DEFLATE}; server_max_window_bits=012',
                      f'{DEFLATE}; server_no_context_takeover=1',
                      f'{DEFLATE}; server_no_context_takeover; '
                      'server_no_context_takeover', f'{DEFLATE}; =',
                      f'{DEFLATE}; server_max_window_bits="12',
                      'x-webkit-deflate-frame', f'{DEFLATE}x', ';', ',,'):
            self.assertEqual(self.answered(offer), '', offer)

    def test_deflate_second_offer(self):
        """7692 7.1: the first offer that can be met is taken"""
        for fields in ([f'x, {DEFLATE}; unknown, {DEFLATE}'],
                       [f'{DEFLATE}; server_max_window_bits=9', DEFLATE]):
            ws = self.ws(fields=[('Sec-WebSocket-Extensions', field)
                                 for field in fields])
            self.assertIn(DEFLATE, ws.extension)

    def test_deflate_each_frame_alone(self):
        """7692 7.2.1: each frame of the server inflates by itself"""
        ws = self.ws(deflate=DEFLATE)
        ws.ask('subscribe', 'subscribed', channels=['prices', 'trades',
                                                    'candles'])
        compressed = 0
        while compressed < 30:
            opcode, payload, was = ws.frame()   # a new context for each
            self.assertIn(b'"type":', payload)
            compressed += was

    def test_deflate_same_as_plain(self):
        """7692 7.2.1: compressed updates are those of a plain client"""
        many = [self.ws(), self.ws(deflate=DEFLATE)]
        for ws in many:
            ws.ask('subscribe', 'subscribed', channels=['prices'])
        until = many[0].until('price_update')['seq'] + 100
        seen = []
        for ws in many:
            while not ws.messages or ws.messages[-1].get('seq', 0) < until:
                ws.message()
            seen.append({m['seq']: m for m in ws.messages
                         if m['type'] == 'price_update'
                         and m['seq'] < until})
        both = set(seen[0]) & set(seen[1])
        self.assertGreater(len(both), 20)
        for seq in both:
            self.assertEqual(seen[0][seq], seen[1][seq])

    def test_deflate_from_client(self):
        """7692 7.2.2: compressed messages of the client are read"""
        ws = self.ws(deflate=DEFLATE)
        for bits in (9, 12, 15):
            for level in (0, 1, 9):
                ws.text(deflated(PING_TEXT, bits, level), rsv=4)
                self.pinged(ws)
        ws.text(PING_TEXT)                  # a plain one in between
        self.pinged(ws)
        ws.text(deflated(padded(MAX)), rsv=4)
        self.pinged(ws)

    def test_deflate_final_block(self):
        """7692 7.2.3.4: a message with a final block is read, too"""
        z = zlib.compressobj(9, zlib.DEFLATED, -15)
        data = z.compress(PING_TEXT) + z.flush() + b'\0'
        ws = self.ws(deflate=DEFLATE)
        ws.text(data, rsv=4)
        self.pinged(ws)

    def test_deflate_empty(self):
        """7692 7.2.3.6: an empty compressed message is an empty message"""
        ws = self.ws(deflate=DEFLATE)
        ws.text(b'\0', rsv=4)
        self.assertEqual(ws.until('error')['code'], 'bad_json')

    def test_deflate_fragments(self):
        """7692 6.1: a compressed message may come in fragments"""
        ws = self.ws(deflate=DEFLATE)
        data = deflated(padded(700))
        for cut in (0, 1, 5, len(data) - 1, len(data)):
            ws.send(frame(TEXT, data[:cut], fin=0, rsv=4)
                    + frame(PING, b'within')
                    + frame(CONT, data[cut:]))
            self.pinged(ws)

    def test_deflate_bit_on_continuation(self):
        """7692 6.1: RSV1 on a continuation gets 1002"""
        data = deflated(PING_TEXT)
        self.fails(1002, frame(TEXT, data[:5], fin=0, rsv=4)
                   + frame(CONT, data[5:], rsv=4), deflate=DEFLATE)

    def test_deflate_bit_on_control(self):
        """7692 6.1: RSV1 on a control frame gets 1002"""
        for opcode in (PING, PONG, CLOSE):
            self.fails(1002, frame(opcode, b'', rsv=4), deflate=DEFLATE)

    def test_deflate_not_agreed(self):
        """7692 6: RSV1 without the agreement gets 1002"""
        self.fails(1002, frame(TEXT, deflated(PING_TEXT), rsv=4))

    def test_deflate_bomb(self):
        """7692 8: what inflates to more than 4096 bytes gets 1009"""
        for size in (MAX + 1, 3000000):
            data = deflated(b'a' * size)
            self.assertLess(len(data), MAX)
            self.fails(1009, frame(TEXT, data, rsv=4), deflate=DEFLATE)

    def test_deflate_bomb_in_fragments(self):
        """7692 8: also in fragments"""
        data = deflated(b'a' * 3000000)
        self.fails(1009, frame(TEXT, data[:9], fin=0, rsv=4)
                   + frame(CONT, data[9:]), deflate=DEFLATE)

    def test_deflate_corrupt(self):
        """7692 7.2.2: what does not inflate gets 1007"""
        for data in (b'\xff\xff\xff\xff', b'\x07', deflated(PING_TEXT)[:-3],
                     b'\x02\x08\x20\x80\x00' * 3, b'\x01\x05\x00\x00\x00'):
            self.fails(1007, frame(TEXT, data, rsv=4), deflate=DEFLATE)

    def test_deflate_not_utf8(self):
        """7692 6.2: what inflates to no UTF-8 gets 1007"""
        self.fails(1007, frame(TEXT, deflated(b'"\xff"'), rsv=4),
                   deflate=DEFLATE)

    def test_deflate_no_context(self):
        """7692 7.1.1.2: a client that keeps its context anyway gets 1007"""
        z = zlib.compressobj(9, zlib.DEFLATED, -15)
        text = PING_TEXT[:-1] + b',"x":"abcdefghijklmnopqrstuvwxyz"}'
        first, second = ((z.compress(text) + z.flush(zlib.Z_SYNC_FLUSH))[:-4]
                         for _ in range(2))
        self.assertLess(len(second), len(first) // 2)
        ws = self.ws(deflate=DEFLATE)
        ws.text(first, rsv=4)
        self.pinged(ws)
        self.fails(1007, frame(TEXT, second, rsv=4), ws)


class Documentation(unittest.TestCase):
    def test_table(self):
        """docs/websocket-conformance.md lists these tests and no others"""
        rows = re.findall(r'^\| (\S+(?: \S+)?) \| (.+?) \| `(test_\w+)` \|$',
                          DOCS.read_text(), re.M)
        tests = {name: getattr(Conformance, name).__doc__
                 for name in dir(Conformance) if name.startswith('test_')}
        self.assertEqual(len(rows), len({name for _, _, name in rows}))
        self.assertEqual({name: f'{section}: {text}'
                          for section, text, name in rows}, tests)


if __name__ == '__main__':
    unittest.main()
