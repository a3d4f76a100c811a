// Copyright (C) the ngx_trading authors
// SPDX-License-Identifier: BSD-2-Clause
//
// The client over WebSocket: what it says, what it tells its user, and how it
// behaves when the server does not.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { connect } from '../stream.js';
import { follow, pause, seqs, server, SOON, stream, subscribed, take, until }
  from './client.mjs';

test('subscribes once connected, and tells typed events', async () => {
  const peer = await subscribed(['prices', 'trades'],
    { symbols: ['BTC'], assetClass: 'CRYPTO', interval: '5m' });
  assert.deepEqual(peer.messages, [{ type: 'subscribe', id: 1,
    channels: ['prices', 'trades'], symbols: ['BTC'],
    asset_class: ['CRYPTO'], interval: ['5m'] }]);
  peer.price(101);
  assert.equal((await stream.next('price_update')).data.current_price, '101');
  assert.deepEqual([stream.epoch, stream.seq, stream.state],
    [3, 101, 'open']);
  assert.equal(stream.log('recovered').length, 0);
});

test('subscribing while open says it at once, twice the same says it once',
  async () => {
    const peer = await subscribed();
    stream.subscribe('prices').subscribe('health');
    await peer.message((m) => m.channels[0] === 'health');
    assert.deepEqual(peer.messages.map((m) => m.channels),
      [['prices'], ['health']]);
  });

test('in the handler of "connected", too, and then once', async () => {
  follow();
  stream.on('connected', () => stream.subscribe('prices'));
  const peer = await server.peer(0);
  peer.hello();
  await peer.message('subscribe');
  await pause(30);
  assert.equal(peer.messages.length, 1);
});

test('unsubscribes; afterwards neither events nor subscribing again',
  async () => {
    const peer = await subscribed(['prices', 'health']);
    stream.unsubscribe('prices');
    assert.deepEqual((await peer.message('unsubscribe')).channels, ['prices']);
    peer.price(101);
    peer.close(1001);
    const next = await server.peer(1);
    next.hello();
    assert.deepEqual((await next.message('subscribe')).channels, ['health']);
    assert.deepEqual(seqs('price_update'), []);
  });

test('a symbol taken out of all stays out after a reconnect', async () => {
  const peer = await subscribed(['prices', 'trades']);
  stream.unsubscribe('prices', { symbols: ['ETH'] });
  await peer.message('unsubscribe');
  peer.close(1001);
  const next = await server.peer(1);
  next.hello();
  assert.deepEqual(await next.message('unsubscribe'),
    { type: 'unsubscribe', id: 4, channels: ['prices'], symbols: ['ETH'] });
  next.price(101, 'ETH');
  next.price(102, 'BTC');
  await stream.next('price_update');
  assert.deepEqual(seqs('price_update'), [102]);
});

test('reconnects and goes on from what was surely received, with its epoch',
  async () => {
    const peer = await subscribed();
    peer.price(107);
    await stream.next('price_update');
    peer.socket.destroy();
    const next = await server.peer(1);
    next.hello({ seq: 120 });
    const asked = await next.message('subscribe');
    // 107 may have brought more than what came of it
    assert.deepEqual([asked.seq, asked.epoch], [106, 3]);
    next.confirm(asked, { seq: 120 });
    assert.equal((await stream.next('recovered')).recovered, true);
    next.price(110);
    assert.equal((await stream.next('price_update', 2)).seq, 110);
  });

test('nothing received but the snapshot: goes on from there', async () => {
  const peer = await subscribed();
  peer.close(1001);
  const next = await server.peer(1);
  next.hello({ seq: 120 });
  assert.equal((await next.message('subscribe')).seq, 100);
});

test('events of one seq on two channels: the second is not lost', async () => {
  const peer = await subscribed(['prices', 'trades']);
  peer.price(107);
  await stream.next('price_update');
  peer.socket.destroy();              // its trade was on the way
  const next = await server.peer(1);
  next.hello();
  const asked = await next.message('subscribe');
  assert.equal(asked.seq, 106);
  next.confirm(asked);
  next.price(107);
  next.trade(107, 1);
  await stream.next('trade_update');
  assert.deepEqual(seqs('price_update'), [107]);
});

test('cut off while it is sent what it missed, it asks for all of it again',
  async () => {
    const peer = await subscribed(['prices', 'trades']);
    peer.price(101);
    await stream.next('price_update');
    peer.socket.destroy();
    const next = await server.peer(1);
    next.hello({ seq: 120 });
    next.confirm(await next.message('subscribe'), { seq: 120 });
    next.price(118);                  // the trades since 100 are to follow
    await stream.next('price_update', 2);
    next.socket.destroy();
    const third = await server.peer(2);
    third.hello({ seq: 125 });
    const asked = await third.message('subscribe');
    assert.equal(asked.seq, 100);
    third.confirm(asked, { seq: 125 });
    third.price(118);
    third.trade(105, 1);
    third.price(126);                 // the present: all has come
    await stream.next('price_update', 3);
    third.socket.destroy();
    const fourth = await server.peer(3);
    fourth.hello();
    assert.equal((await fourth.message('subscribe')).seq, 125);
    assert.deepEqual(stream.log('trade_update').map((e) => e.data.id), [1]);
    assert.deepEqual(seqs('price_update'), [101, 118, 126]);
  });

test('tells when it could not recover', async () => {
  const peer = await subscribed();
  peer.close(1001);
  const next = await server.peer(1);
  next.hello({ seq: 9000 });
  next.confirm(await next.message('subscribe'),
    { recovered: false, seq: 9000, snapshot: [{ symbol: 'BTC', seq: 8999 }] });
  const event = await stream.next('recovered');
  assert.deepEqual([event.recovered, event.channel, event.seq],
    [false, 'prices', 9000]);
  assert.equal(stream.log('subscribed')[1].snapshot.length, 1);
});

test('a snapshot that was cut off is asked for again', async () => {
  const peer = await subscribed('prices', {},
    { confirm: { snapshot: null, snapshot_count: 2 } });
  peer.price(100, 'BTC');
  await stream.next('price_update');
  peer.socket.destroy();
  const next = await server.peer(1);
  next.hello();
  assert.equal((await next.message('subscribe')).seq, undefined);
  next.confirm(next.messages[0]);
  assert.equal((await stream.next('recovered')).recovered, false);
});

test('and when it was complete, it is gone on from', async () => {
  const peer = await subscribed('prices', {},
    { confirm: { snapshot: null, snapshot_count: 2 } });
  peer.price(100, 'BTC');
  peer.price(100, 'ETH');
  await stream.next('price_update', 2);
  peer.socket.destroy();
  const next = await server.peer(1);
  next.hello();
  assert.equal((await next.message('subscribe')).seq, 100);
});

test('does not go on from another board', async () => {
  const peer = await subscribed();
  peer.price(107);
  await stream.next('price_update');
  peer.close(1001);
  const next = await server.peer(1);
  next.hello({ epoch: 4, seq: 5 });
  const asked = await next.message('subscribe');
  // the server is told both, and says that it cannot
  assert.deepEqual([asked.seq, asked.epoch], [106, 3]);
  next.confirm(asked, { epoch: 4, seq: 5, recovered: false, snapshot: [] });
  assert.equal((await stream.next('recovered')).recovered, false);
  next.price(6);
  await stream.next('price_update', 2);
  assert.deepEqual([stream.epoch, stream.seq], [4, 6]);
});

test('after a resync small seqs are news, and not yet a place to go on from',
  async () => {
    const peer = await subscribed();
    peer.price(107, 'BTC');
    peer.price(108, 'ETH');
    peer.say({ type: 'resync', epoch: 4, seq: 2, reason: 'new_board' });
    peer.price(2, 'BTC');
    await stream.next('price_update', 3);
    peer.socket.destroy();
    const next = await server.peer(1);
    next.hello({ epoch: 4, seq: 2 });
    const asked = await next.message('subscribe');
    assert.equal(asked.seq, undefined, 'ETH had not come');
  });

test('drops what it has had, and only that', async () => {
  const peer = await subscribed(['prices', 'trades']);
  peer.price(101, 'BTC', '7');
  peer.price(101, 'ETH', '7');        // another symbol at the same place
  peer.trade(102, 1);
  peer.trade(102, 2);                 // two trades of one place
  await stream.next('trade_update', 2);
  peer.socket.destroy();
  const next = await server.peer(1);
  next.hello();
  next.confirm(await next.message('subscribe'));
  next.price(101, 'BTC', '7');
  next.trade(102, 1);
  next.trade(102, 2);
  next.trade(102, 3);
  next.price(103, 'BTC', '8');
  await stream.next('price_update', 3);
  assert.deepEqual(stream.log('trade_update').map((e) => e.data.id), [1, 2, 3]);
  assert.deepEqual(seqs('price_update'), [101, 101, 103]);
  assert.equal(stream.stats.duplicates, 3);
});

test('a trade of the snapshot is not told again', async () => {
  await subscribed('trades', {},
    { confirm: { snapshot: [{ symbol: 'BTC', id: 9, seq: 101 }] } });
  const [peer] = server.peers;
  peer.trade(101, 9);
  peer.trade(102, 10);
  await stream.next('trade_update');
  assert.deepEqual(stream.log('trade_update').map((e) => e.data.id), [10]);
});

test('states that come and go at one seq are all told, and kept nowhere',
  async () => {
    const peer = await subscribed('health');
    for (let i = 0; i < 2000; i++) {
      peer.say({ type: 'health_update', channel: 'health', seq: 101,
        data: { status: i % 2 ? 'ok' : 'down' } });
    }
    await stream.next('health_update', 2000);
  });

test('hands over on drain before the old connection ends, without a gap',
  async () => {
    const peer = await subscribed();
    peer.price(101);
    const begun = Date.now();
    peer.say({ type: 'drain', reason: 'reload', resume: '3-105',
      delay_ms: 500 });
    const next = await server.peer(1);
    const waited = Date.now() - begun;
    assert.ok(waited >= 380 && waited < 500, `${waited} ms`);
    peer.price(106);                  // the old one goes on until then
    await stream.next('price_update', 2);
    assert.equal(peer.closed, null);
    next.hello({ seq: 110 });
    const asked = await next.message('subscribe');
    assert.equal(asked.seq, 105);
    next.confirm(asked, { seq: 110 });
    next.price(106);
    next.price(107);
    await stream.next('price_update', 3);
    await peer.gone();
    assert.deepEqual(seqs('price_update'), [101, 106, 107]);
    assert.equal((await stream.next('recovered')).recovered, true);
    assert.deepEqual(stream.log('state').map((e) => e.state), ['open'],
      'it was never without a connection');
  });

test('uses the token of drain where nothing came since', async () => {
  const peer = await subscribed();
  peer.say({ type: 'drain', reason: 'stop', resume: '3-150', delay_ms: 10000 });
  await stream.next('drain');
  peer.close(1001);
  const next = await server.peer(1);
  next.hello();
  assert.equal((await next.message('subscribe')).seq, 150);
});

test('goes on in each channel from its own last event', async () => {
  const peer = await subscribed(['prices', 'trades']);
  // the trade overtook prices that are still owed
  peer.price(140, 'BTC');
  peer.say({ type: 'trade_update', channel: 'trades', seq: 190,
    data: { symbol: 'BTC', id: 7, seq: 190 } });
  await stream.next('trade_update');
  peer.socket.destroy();
  const next = await server.peer(1);
  next.hello();
  const asked = (channel) => next.message((message) =>
    message.type === 'subscribe' && message.channels.includes(channel));
  assert.equal((await asked('prices')).seq, 139);
  assert.equal((await asked('trades')).seq, 189);
});

test('a token of another board is none', async () => {
  const peer = await subscribed();
  peer.say({ type: 'drain', reason: 'stop', resume: '9-150', delay_ms: 10000 });
  peer.say({ type: 'drain', reason: 'stop', resume: 'nonsense', delay_ms: -4 });
  await stream.next('drain', 2);
  peer.close(1001);
  await until(() => server.peers.length > 1, 'another');
  const next = server.peers.at(-1);
  next.hello();
  assert.equal((await next.message('subscribe')).seq, 100);
});

test('waits longer and longer, at random, within its bounds', async () => {
  server.status = 503;
  const draws = [1, 0.5, 1, 0.25, 1, 1, 1];
  follow({ minDelay: 10, maxDelay: 100, random: () => draws.shift() ?? 0.9 });
  await stream.next('state', 14);
  assert.deepEqual(stream.log('state').filter((e) => e.state === 'waiting')
    .slice(0, 7).map((e) => e.delay), [10, 10, 40, 20, 100, 100, 100]);
});

test('a server that accepts and closes is not hammered either', async () => {
  server.onpeer = (peer) => {
    peer.hello();
    peer.close(1001);
  };
  follow({ minDelay: 50, maxDelay: 5000, random: () => 1 });
  await pause(900);                   // 50 + 100 + 200 + 400 = 750
  assert.ok(server.peers.length >= 3 && server.peers.length <= 5,
    `${server.peers.length} connections`);
});

test('a connection that was stable begins anew with the least wait',
  async () => {
    follow({ minDelay: 20, maxDelay: 5000, stableAfter: 50, random: () => 1 });
    for (let i = 0; i < 3; i++) {
      const peer = await server.peer(i);
      peer.hello();
      await pause(80);
      peer.close(1001);
    }
    await server.peer(3);
    assert.deepEqual(stream.log('state').filter((e) => e.state === 'waiting')
      .map((e) => e.delay), [20, 20, 20]);
  });

test('closed for its fault (1008) it waits at least half of the longest',
  async () => {
    for (const draw of [0, 1]) {
      server.peers = [];
      follow({ minDelay: 1, maxDelay: 400, random: () => draw });
      (await server.peer(0)).close(1008);
      const { code, delay } = await until(() => stream.log('state')
        .find((e) => e.state === 'waiting'), 'waiting');
      assert.deepEqual([code, delay], [1008, draw === 0 ? 200 : 400]);
      await pause(150);
      assert.equal(server.peers.length, 1);
      await server.peer(1);
      stream.close();
    }
  });

test('told to come later (1013) it does not come at once', async () => {
  follow({ minDelay: 50, maxDelay: 10000, random: () => 0 });
  (await server.peer(0)).close(1013);
  const { code, delay } = await until(() => stream.log('state')
    .find((e) => e.state === 'waiting'), 'waiting');
  assert.deepEqual([code, delay], [1013, 200]);
});

test('a server that says nothing is given up in time', async () => {
  follow({ connectTimeout: 60 });
  await server.peer(1);
  const event = stream.log('state').find((e) => e.state === 'waiting');
  assert.equal(event.code, 4000);
});

test('malformed messages are told, and the rest goes on', async () => {
  const peer = await subscribed();
  for (const text of ['{"type":', '', '[]', 'null', '7', '{"type":3}',
    '{"type":"price_update","channel":"prices","data":{}}',
    '{"type":"price_update","channel":"prices","seq":"9","data":{}}',
    '{"type":"price_update","channel":"prices","seq":1e99,"data":null}']) {
    peer.text(text);
  }
  peer.price(101);
  await stream.next('price_update');
  assert.deepEqual(stream.log('error').map((e) => [e.code, e.local]),
    Array(9).fill(['bad_message', true]));
  assert.equal(stream.state, 'open');
});

test('what it does not know it passes on', async () => {
  const peer = await subscribed();
  peer.say({ type: 'novelty', more: 1 });
  assert.equal((await stream.next('novelty')).more, 1);
});

test('counts what was skipped and missed', async () => {
  const peer = await subscribed(['prices', 'trades']);
  peer.say({ type: 'skipped', channel: 'prices', skipped: 12, seq: 130 });
  peer.say({ type: 'missed', channel: 'trades', missed: 40, seq: 130 });
  assert.equal((await stream.next('skipped')).skipped, 12);
  assert.equal((await stream.next('missed')).missed, 40);
  assert.deepEqual([stream.stats.skipped, stream.stats.missed], [12, 40]);
  peer.socket.destroy();
  // the newest that follow had not come
  const next = await server.peer(1);
  next.hello();
  assert.equal((await next.message('subscribe')).seq, 100);
});

test('a dead connection is found by silence after a ping', async () => {
  follow();
  const peer = await server.peer(0);
  peer.hello({ heartbeat_ms: 60 });
  await peer.message('ping');
  peer.say({ type: 'pong', server_time: '' });
  await pause(50);
  assert.equal(server.peers.length, 1, 'an answer is a sign of life');
  await server.peer(1);
  const event = stream.log('state').find((e) => e.state === 'waiting');
  assert.equal(event.code, 4001);
});

test('updates keep it from pinging', async () => {
  const peer = await subscribed('prices', {}, { hello: { heartbeat_ms: 100 } });
  for (let i = 0; i < 10; i++) {
    peer.price(101 + i);
    await pause(25);
  }
  assert.deepEqual(peer.messages.map((m) => m.type), ['subscribe']);
});

test('candles of several intervals are asked for one by one', async () => {
  follow().subscribe(['prices', 'candles'], { interval: ['1m', '1h'] });
  const peer = await server.peer(0);
  peer.hello();
  await peer.until(() => peer.messages.length === 2, 'two messages');
  assert.deepEqual(peer.messages.map((m) => [m.channels, m.interval]),
    [[['prices', 'candles'], ['1m']], [['candles'], ['1h']]]);
});

test('many symbols go in messages that the server takes', async () => {
  follow().subscribe('prices',
    { symbols: Array.from({ length: 250 }, (_, i) => `SYMBOL-${i}`) });
  const peer = await server.peer(0);
  peer.hello();
  await peer.until(() => peer.messages.length === 3, 'three messages');
  for (const message of peer.messages) {
    assert.ok(JSON.stringify(message).length < 4096);
  }
});

test('a handler that throws takes nothing from the others', async () => {
  const thrown = [];
  const keep = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', (error) => thrown.push(error.message));
  try {
    const peer = await subscribed();
    stream.on('price_update', () => { throw new Error('theirs'); });
    let count = 0;
    stream.on('price_update', () => { count++; });
    peer.price(101);
    peer.price(102);
    await until(() => count === 2, 'both');
    assert.deepEqual(thrown, ['theirs', 'theirs']);
  } finally {
    process.removeAllListeners('uncaughtException');
    keep.forEach((listener) => process.on('uncaughtException', listener));
  }
});

test('off() and what on() gives end it', async () => {
  const peer = await subscribed();
  let count = 0;
  const handler = () => { count++; };
  const off = stream.on('price_update', handler);
  stream.on('price_update', handler);     // the same, once
  peer.price(101);
  await stream.next('price_update', 1);
  off();
  peer.price(102);
  await stream.next('price_update', 2);
  assert.equal(count, 1);
});

test('closed, it leaves no timer, connects no more and says so', async () => {
  const timers = () => process.getActiveResourcesInfo()
    .filter((name) => name === 'Timeout').length;
  const before = timers();
  const peer = await subscribed();
  peer.say({ type: 'drain', reason: 'reload', resume: '3-105',
    delay_ms: 60000 });
  await stream.next('drain');
  stream.close();
  await peer.gone();
  assert.ok(timers() <= before + 1, 'the socket may have one of its own');
  assert.equal(stream.state, 'closed');
  assert.throws(() => stream.subscribe('prices'), /closed/);
  await pause(60);
  assert.equal(server.peers.length, 1);
});

test('closed while it waits, it does not come back', async () => {
  const peer = await subscribed();
  // the wait may be too short to be seen from outside
  const closed = new Promise((done) => {
    stream.on('state', ({ state }) => {
      if (state === 'waiting') {
        stream.close();
        done();
      }
    });
  });
  peer.close(1001);
  await closed;
  await pause(100);
  assert.equal(server.peers.length, 1);
});

test('refuses channels in the address, and a world without WebSocket', () => {
  assert.throws(() => connect('ws://127.0.0.1:1/ws?channels=prices'),
    /subscribe/);
  const { WebSocket } = globalThis;
  globalThis.WebSocket = undefined;
  try {
    assert.throws(() => connect('ws://127.0.0.1:1/ws'), /WebSocket/);
  } finally {
    globalThis.WebSocket = WebSocket;
  }
});

test('takes http addresses, and a WebSocket that is passed in', async () => {
  let used = 0;
  const { WebSocket } = globalThis;
  take(connect(server.sse.replace('/sse', '/ws'), { ...SOON,
    WebSocket: class extends WebSocket {
      constructor(...args) {
        super(...args);
        used++;
      }
    } }));
  await server.peer(0);
  assert.equal(used, 1);
});

test('closed by a handler, it tells nothing more', async () => {
  const peer = await subscribed();
  stream.on('subscribed', () => stream.close());
  peer.close(1001);
  const next = await server.peer(1);
  next.hello();
  next.confirm(await next.message('subscribe'));
  await next.gone();
  assert.equal(stream.log('recovered').length, 0);
  assert.equal(stream.log('state').at(-1).state, 'closed');
});

test('times that no timer can wait are not none', async () => {
  follow();
  const peer = await server.peer(0);
  peer.hello({ heartbeat_ms: 2 ** 40 });
  peer.say({ type: 'drain', reason: 'stop', resume: '3-100',
    delay_ms: 2 ** 40 });
  await stream.next('drain');
  await pause(60);
  assert.equal(server.peers.length, 1);
  assert.deepEqual(peer.messages, []);
});

test('an error of a socket that was given up is heard', async () => {
  const { WebSocket } = globalThis;
  let socket = null;
  take(connect(server.ws, { ...SOON,
    WebSocket: class extends WebSocket {
      constructor(...args) {
        super(...args);
        socket = this;
      }
    } }));
  await server.peer(0);
  stream.close();
  assert.equal(typeof socket.onerror, 'function');
});
