// Copyright (C) the ngx_trading authors
// SPDX-License-Identifier: BSD-2-Clause
//
// A server of /ws and /sse on loopback whose every word the tests choose: real
// HTTP, real frames, real sockets.

import crypto from 'node:crypto';
import http from 'node:http';

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

// One client as the server sees it: what it has said, and what to say to it.
class Peer {
  messages = [];
  closed = null;
  #waiting = [];

  constructor(request, socket) {
    this.url = new URL(request.url, 'http://localhost');
    this.request = request;
    this.socket = socket;
    socket.on('close', () => {
      this.closed ??= 1006;
      this.#wake();
    });
  }

  heard(message) {
    this.messages.push(message);
    this.#wake();
  }

  #wake() {
    const waiting = this.#waiting;
    this.#waiting = [];
    waiting.forEach((look) => look());
  }

  // the first message that fits, now or later
  async message(fits, seconds = 5) {
    const type = typeof fits === 'string' ? fits : null;
    const test = type ? (m) => m.type === type : fits;
    return this.until(() => this.messages.find(test), `a message ${fits}`,
      seconds);
  }

  until(condition, what, seconds = 5) {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no ${what}`)),
        seconds * 1000);
      const look = () => {
        const value = condition();
        if (value) {
          clearTimeout(timer);
          resolve(value);
        } else {
          this.#waiting.push(look);
        }
      };
      look();
    });
  }

  gone() {
    return this.until(() => this.closed !== null, 'close');
  }

  say(message) {
    this.text(JSON.stringify(message));
  }

  hello(more = {}) {
    this.say({ type: 'connected', epoch: 3, seq: 100, heartbeat_ms: 15000,
      server_time: new Date().toISOString(),
      limits: { subscriptions: 64, message_bytes: 4096,
        messages_per_second: 50, buffer_bytes: 65536 },
      channels: ['prices', 'trades'], ...more });
  }

  price(seq, symbol = 'BTC', price = String(seq)) {
    this.say({ type: 'price_update', channel: 'prices', seq,
      timestamp: '2026-01-05T09:30:00.123Z',
      data: { symbol, current_price: price, seq } });
  }

  trade(seq, id, symbol = 'BTC') {
    this.say({ type: 'trade_update', channel: 'trades', seq,
      timestamp: '2026-01-05T09:30:00.123Z', data: { symbol, id, seq } });
  }

  // replies to a subscribe message, one for each channel
  confirm(asked, more = {}) {
    for (const channel of asked.channels) {
      this.say({ type: 'subscribed', id: asked.id, channel,
        symbols: asked.symbols ?? null, interval: null, epoch: 3, seq: 100,
        ...asked.seq === undefined ? { snapshot: [] }
          : { recovered: true, snapshot: null }, ...more });
    }
  }
}

class WebSocketPeer extends Peer {
  #buffer = Buffer.alloc(0);

  constructor(request, socket, head) {
    super(request, socket);
    const accept = crypto.createHash('sha1')
      .update(request.headers['sec-websocket-key'] + GUID).digest('base64');
    socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n'
      + `Connection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
    socket.on('data', (data) => this.#received(data));
    this.#received(head);
  }

  #received(data) {
    this.#buffer = Buffer.concat([this.#buffer, data]);
    for (;;) {
      const b = this.#buffer;
      if (b.length < 2) {
        return;
      }
      let length = b[1] & 127, at = 2;
      if (length === 126) {
        if (b.length < 4) {
          return;
        }
        length = b.readUInt16BE(2);
        at = 4;
      }
      if (b.length < at + 4 + length) {
        return;
      }
      const mask = b.subarray(at, at + 4);
      const body = Buffer.from(b.subarray(at + 4, at + 4 + length));
      body.forEach((byte, i) => { body[i] = byte ^ mask[i % 4]; });
      this.#buffer = b.subarray(at + 4 + length);
      if ((b[0] & 15) === 1) {
        this.heard(JSON.parse(body.toString()));
      } else if ((b[0] & 15) === 8) {
        this.closed = body.length >= 2 ? body.readUInt16BE(0) : 1005;
        this.#frame(8, body.subarray(0, 2));
        this.socket.end();
      }
    }
  }

  #frame(opcode, body) {
    const head = body.length < 126
      ? Buffer.from([0x80 | opcode, body.length])
      : Buffer.from([0x80 | opcode, 126, body.length >> 8, body.length & 255]);
    if (this.socket.writable) {
      this.socket.write(Buffer.concat([head, body]));
    }
  }

  text(text) {
    this.#frame(1, Buffer.from(text));
  }

  close(code) {
    this.#frame(8, Buffer.from([code >> 8, code & 255]));
  }
}

class EventsPeer extends Peer {
  constructor(request, response) {
    super(request, response.socket);
    this.response = response;
    response.writeHead(200, { 'Content-Type': 'text/event-stream',
      'Cache-Control': 'no-store' });
    response.flushHeaders();
  }

  text(text) {
    const message = JSON.parse(text);
    const id = message.seq === undefined ? '' : `id: 3-${message.seq}\n`;
    this.response.write(`event: ${message.type}\n${id}data: ${text}\n\n`);
  }

  close() {
    this.response.end();
  }
}

export class Server {
  peers = [];
  status = 200;           // other than 200: how every request is refused
  refuse = null;          // of the address: the problem with it, or null
  #waiting = [];

  async listen(port = 0) {
    this.http = http.createServer((request, response) => {
      if (this.status !== 200) {
        response.writeHead(this.status).end();
        return;
      }
      const problem = this.refuse?.(new URL(request.url, 'http://localhost'));
      if (problem) {
        response.writeHead(problem.status,
          { 'Content-Type': 'application/problem+json' })
          .end(JSON.stringify(problem));
        return;
      }
      this.#add(new EventsPeer(request, response));
    });
    this.http.on('upgrade', (request, socket, head) => {
      socket.on('error', () => {});
      if (this.status !== 200) {
        socket.end(`HTTP/1.1 ${this.status} No\r\nContent-Length: 0\r\n\r\n`);
        return;
      }
      this.#add(new WebSocketPeer(request, socket, head));
    });
    await new Promise((resolve) => {
      this.http.listen(port, '127.0.0.1', resolve);
    });
    this.port = this.http.address().port;
    this.ws = `ws://127.0.0.1:${this.port}/ws`;
    this.sse = `http://127.0.0.1:${this.port}/sse`;
    return this;
  }

  #add(peer) {
    this.peers.push(peer);
    this.onpeer?.(peer);
    const waiting = this.#waiting;
    this.#waiting = [];
    waiting.forEach((look) => look());
  }

  // the nth that connects, from 0
  peer(n = 0, seconds = 5) {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no client ${n}`)),
        seconds * 1000);
      const look = () => {
        if (this.peers[n]) {
          clearTimeout(timer);
          resolve(this.peers[n]);
        } else {
          this.#waiting.push(look);
        }
      };
      look();
    });
  }

  async end() {
    for (const peer of this.peers) {
      peer.socket.destroy();
    }
    this.http.closeAllConnections();
    await new Promise((resolve) => { this.http.close(resolve); });
  }
}
