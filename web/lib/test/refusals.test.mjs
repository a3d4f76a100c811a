// Copyright (C) the ngx_trading authors
// SPDX-License-Identifier: BSD-2-Clause
//
// What the server refuses, for now or for good, and how the client keeps from
// asking for more than it will hear.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { follow, pause, seqs, server, stream, subscribed, until }
  from './client.mjs';

const refuse = (peer, asked, code, detail = '') =>
  peer.say({ type: 'error', id: asked.id, code, detail });
const asks = (peer) => peer.messages.filter((m) => m.type === 'subscribe');

// so many subscriptions of four channels, each with an event of each channel
async function many(n, filter, options) {
  follow(options);
  for (let i = 0; i < n; i++) {
    stream.subscribe(['prices', 'trades', 'orderbook', 'signals'], filter(i));
  }
  const peer = await server.peer(0);
  peer.hello(options?.hello);
  await peer.until(() => asks(peer).length === n, 'all subscriptions', 20);
  for (const asked of asks(peer)) {
    peer.confirm(asked);
  }
  await stream.next('subscribed', 4 * n);
  return peer;
}

test('what was refused is not asked for again', async () => {
  follow().subscribe('prices', { symbols: ['NOPE'] }).subscribe('health');
  const peer = await server.peer(0);
  peer.hello();
  const asked = await peer.message((m) => m.channels[0] === 'prices');
  peer.say({ type: 'error', id: asked.id, code: 'unknown_symbol', detail: '' });
  assert.deepEqual((await stream.next('error')).symbols, ['NOPE']);
  peer.close(1001);
  const next = await server.peer(1);
  next.hello();
  await next.message('subscribe');
  await pause(30);
  assert.deepEqual(next.messages.map((m) => m.channels), [['health']]);
});

test('what could not be had yet is asked for again', async () => {
  follow({ random: () => 0 }).subscribe('prices');
  const peer = await server.peer(0);
  peer.hello();
  const asked = await peer.message('subscribe');
  peer.say({ type: 'error', id: asked.id, code: 'no_board', detail: '' });
  peer.confirm(await peer.message((m) => m.id > asked.id));
  await stream.next('subscribed');
});

test('keeps to the messages a second that the server hears', async () => {
  follow();
  for (let i = 0; i < 12; i++) {
    stream.subscribe('prices', { symbols: [`S${i}`] });
  }
  const peer = await server.peer(0);
  peer.hello({ limits: { messages_per_second: 10 } });
  const begun = Date.now();
  await peer.until(() => peer.messages.length === 8, 'as many as are allowed');
  assert.ok(Date.now() - begun < 400, 'at once');
  await peer.until(() => peer.messages.length === 12, 'the others');
  assert.ok(Date.now() - begun >= 450, '8 a second');
});

test('counts a message that asks for much as the server does', async () => {
  const LIMIT = 100;
  const hello = { limits: { messages_per_second: LIMIT } };
  const peer = await many(20, (i) => ({ assetClass: `CLASS-${i}` }), { hello });
  peer.socket.destroy();
  const next = await server.peer(1);
  // what the server has for it: it must never be out of that
  let room = LIMIT, least = LIMIT, filled = Date.now(), seen = 0;
  next.hello(hello);
  await next.until(() => {
    for (; seen < asks(next).length; seen++) {
      const now = Date.now(), message = asks(next)[seen];
      room = Math.min(LIMIT, room + (now - filled) / 1000 * LIMIT);
      filled = now;
      room -= 1 + message.channels.length * (message.seq === undefined ? 0 : 2);
      least = Math.min(least, room);
      next.confirm(message);
    }
    return seen === 20;
  }, 'all subscriptions', 20);
  assert.ok(least >= 0, `${least} left`);
  assert.equal((await stream.next('recovered', 80)).recovered, true);
});

test('and one for thousands of instruments, too', async () => {
  const hello = { limits: { messages_per_second: 20 } };
  const peer = await subscribed('prices', {}, { hello,
    confirm: { snapshot: null, snapshot_count: 10 * 256 } });
  peer.close(1001);
  const next = await server.peer(1);
  next.hello(hello);
  await next.message('subscribe');
  const begun = Date.now();
  stream.subscribe('health');     // 11 and 1 of 16
  stream.subscribe('trades');     // 11
  await next.until(() => asks(next).length === 3, 'all');
  assert.ok(Date.now() - begun >= 350, `${Date.now() - begun} ms`);
});

test('what goes on from the same place is asked for together', async () => {
  const peer = await many(20, (i) => ({ symbols: `S${i}` }));
  peer.trade(101, 1, 'S3');
  peer.say({ type: 'drain', reason: 'reload', resume: '3-105', delay_ms: 0 });
  const next = await server.peer(1);
  next.hello();
  const asked = await next.message('subscribe');
  assert.deepEqual([asked.seq, asked.epoch, asked.symbols.length,
    asked.channels], [105, 3, 20, ['prices', 'trades', 'orderbook',
    'signals']]);
  next.confirm(asked, { seq: 120 });
  await stream.next('recovered', 4);
  next.trade(107, 2, 'S3');
  next.trade(108, 3, 'S19');
  await stream.next('trade_update', 3);
  assert.equal(asks(next).length, 1);
  // one of them ends, the others stay
  stream.unsubscribe('trades', { symbols: 'S3' });
  await next.message('unsubscribe');
  next.socket.destroy();
  const third = await server.peer(2);
  third.hello();
  const again = await third.message((m) => m.symbols?.length === 19);
  assert.ok(!again.symbols.includes('S3'));
  const ended = await third.message('unsubscribe');
  assert.deepEqual([ended.channels, ended.symbols], [['trades'], ['S3']]);
});

test('of those that were asked for together one may be refused', async () => {
  const peer = await many(3, (i) => ({ symbols: `S${i}` }));
  peer.close(1001);
  const next = await server.peer(1);
  next.hello();
  const together = await next.message('subscribe');
  refuse(next, together, 'too_many_subscriptions');
  for (let i = 0; i < 3; i++) {
    const asked = await next.message((m) => m.symbols?.length === 1
      && m.symbols[0] === `S${i}`);
    i < 2 ? next.confirm(asked) : refuse(next, asked, 'too_many_subscriptions');
  }
  assert.deepEqual((await stream.next('error')).symbols, ['S2']);
  await stream.next('recovered', 8);
  assert.equal(stream.log('error').length, 1);
  assert.equal(stream.subscriptions.size, 2);
});

test('refused as too much, the very same is asked for again', async () => {
  const peer = await subscribed('prices', { symbols: ['BTC'] });
  peer.price(105);
  await stream.next('price_update');
  peer.socket.destroy();
  const next = await server.peer(1);
  next.hello();
  const first = await next.message('subscribe');
  assert.equal(first.seq, 104);
  refuse(next, first, 'too_many_messages');
  assert.equal((await stream.next('error')).again, true);
  await pause(300);
  assert.equal(next.messages.length, 1, 'not at once');
  const second = await next.message((m) => m.id > first.id);
  assert.deepEqual({ ...second, id: 0 }, { ...first, id: 0 });
  next.confirm(second);
  assert.equal((await stream.next('recovered')).recovered, true);
  next.price(110);
  await stream.next('price_update', 2);
  assert.equal(stream.log('recovered').length, 1);
});

test('refused without an id, it was the oldest without an answer', async () => {
  follow().subscribe('prices').subscribe('health');
  const peer = await server.peer(0);
  peer.hello();
  const [prices, health] = await peer.until(() =>
    asks(peer).length === 2 && asks(peer), 'both');
  peer.confirm(prices);
  peer.say({ type: 'error', code: 'too_many_messages', detail: '' });
  const again = await peer.message((m) => m.id > health.id);
  assert.deepEqual(again.channels, ['health']);
});

test('what was unsubscribed from meanwhile is not asked for again',
  async () => {
    const peer = await subscribed(['prices', 'trades']);
    stream.subscribe('health');
    refuse(peer, await peer.message((m) => m.channels[0] === 'health'),
      'too_many_messages');
    await stream.next('error');
    stream.unsubscribe('health');
    await peer.message('unsubscribe');
    await pause(100);
    assert.equal(asks(peer).length, 2);
  });

test('subscribing and unsubscribing does not pile up', async () => {
  follow();
  const peer = await server.peer(0);
  peer.hello({ limits: { messages_per_second: 10 } });
  await stream.next('connected');
  for (let i = 0; i < 500; i++) {
    stream.subscribe('trades', { symbols: `S${i}` });
    stream.ping();
    stream.unsubscribe('trades');
  }
  stream.subscribe('health');
  await peer.message((m) => m.channels?.[0] === 'health');
  assert.ok(peer.messages.length < 20, `${peer.messages.length} messages`);
});

test('that there was nothing to unsubscribe from is no error', async () => {
  const peer = await subscribed();
  stream.unsubscribe('prices');
  refuse(peer, await peer.message('unsubscribe'), 'not_subscribed');
  stream.ping();
  peer.say({ type: 'pong', id: (await peer.message('ping')).id,
    server_time: '' });
  await stream.next('pong');
  assert.deepEqual(stream.log('error'), []);
});

test('what cannot be had is asked for less and less often', async () => {
  follow({ random: () => 0 });
  for (const name of ['orders', 'alerts', 'prices']) {
    stream.subscribe(name);
  }
  const peer = await server.peer(0);
  peer.hello();
  const begun = Date.now(), times = [];
  let seen = 0;
  await peer.until(() => {
    for (; seen < peer.messages.length; seen++) {
      const message = peer.messages[seen];
      times.push(Date.now() - begun);
      message.channels[0] === 'prices'
        ? peer.confirm(message) : refuse(peer, message, 'unavailable');
    }
    return seen === 5;
  }, 'two more attempts');
  assert.ok(times[2] < 500 && times[3] >= 950 && times[4] >= 2900, `${times}`);
});

test('asked for again later, and connected anew meanwhile: only once',
  async () => {
    follow({ random: () => 0 }).subscribe('prices');
    const peer = await server.peer(0);
    peer.hello();
    refuse(peer, await peer.message('subscribe'), 'no_board');
    await stream.next('error');
    peer.close(1001);
    const next = await server.peer(1);
    next.hello();
    await next.message('subscribe');
    await pause(1300);
    assert.equal(next.messages.length, 1);
  });

test('an instrument that vanished takes nothing with it', async () => {
  const peer = await subscribed(['prices', 'trades'],
    { symbols: ['ETH', 'OLD'] });
  for (const channel of ['prices', 'trades']) {
    peer.say({ type: 'unsubscribed', channel, symbols: ['OLD'], interval: null,
      reason: 'new_board' });
  }
  peer.say({ type: 'resync', epoch: 4, seq: 5, reason: 'new_board' });
  assert.deepEqual((await stream.next('unsubscribed')).symbols, ['OLD']);
  await stream.next('resync');
  peer.socket.destroy();
  const next = await server.peer(1);
  next.hello({ epoch: 4, seq: 6 });
  assert.deepEqual((await next.message('subscribe')).symbols, ['ETH']);
});

test('with its last instrument a subscription ends', async () => {
  // asked for by another of its names
  const peer = await subscribed('prices', { symbols: 'oldusdt' },
    { confirm: { symbols: ['OLD'] } });
  peer.say({ type: 'unsubscribed', channel: 'prices', symbols: ['OLD'],
    interval: null, reason: 'new_board' });
  await stream.next('unsubscribed');
  assert.equal(stream.subscriptions.size, 0);
});

test('vanished while we were away: the rest is asked for again', async () => {
  const peer = await subscribed('prices', { symbols: ['ETH', 'OLD', 'BTC'] });
  peer.close(1001);
  const next = await server.peer(1);
  next.hello({ epoch: 4, seq: 5 });
  const asked = await next.message('subscribe');
  refuse(next, asked, 'unknown_symbol', 'there is no instrument "OLD"');
  const again = await next.message((m) => m.id > asked.id);
  assert.deepEqual([again.symbols, again.seq, again.epoch],
    [['ETH', 'BTC'], 100, 3]);
  next.confirm(again, { epoch: 4, seq: 5, recovered: false, snapshot: [] });
  assert.equal((await stream.next('recovered')).recovered, false);
  assert.deepEqual(stream.log('error').map((e) => [e.code, e.symbols]),
    [['unknown_symbol', ['OLD']]]);
  next.price(6, 'ETH');
  await stream.next('price_update');
});

test('asked for in parts, at first it tells of no recovery', async () => {
  const symbols = Array.from({ length: 150 }, (_, i) => `S${i}`);
  follow().subscribe('trades', { symbols });
  const peer = await server.peer(0);
  peer.hello();
  await peer.until(() => asks(peer).length === 2, 'two messages');
  const [one, two] = asks(peer);
  // the first part follows as updates, of which one is still to come
  peer.confirm(one, { snapshot: null, snapshot_count: 2 });
  peer.confirm(two);
  peer.trade(90, 1, 'S0');
  await stream.next('trade_update');
  assert.equal(stream.log('recovered').length, 0);
  peer.socket.destroy();
  const next = await server.peer(1);
  next.hello();
  assert.equal((await next.message('subscribe')).seq, undefined);
});

test('of a snapshot that follows only its own updates count', async () => {
  const peer = await subscribed('prices', { symbols: ['BTC', 'ETH'] },
    { confirm: { snapshot: null, snapshot_count: 2 } });
  stream.subscribe('prices', { symbols: 'SOL' });
  peer.confirm(await peer.message((m) => m.symbols[0] === 'SOL'));
  peer.price(101, 'SOL');
  peer.price(102, 'BTC');
  await stream.next('price_update', 2);
  peer.socket.destroy();
  const next = await server.peer(1);
  next.hello();
  const asked = await next.message((m) => m.symbols?.includes('ETH'));
  assert.equal(asked.seq, undefined, 'ETH had not come');
});

test('after unsubscribe() from an instrument it is not told any more',
  async () => {
    const peer = await subscribed('prices', { symbols: ['BTC', 'ETH'] });
    stream.unsubscribe('prices', { symbols: 'ETH' });
    peer.price(101, 'ETH');         // was on the way
    peer.price(102, 'BTC');
    await stream.next('price_update');
    assert.deepEqual(seqs('price_update'), [102]);
    await until(() => peer.messages.length === 2, 'unsubscribe');
    stream.unsubscribe('prices', { symbols: [] });
    stream.subscribe('health', { symbols: [] });
    assert.equal((await peer.message((m) => m.channels[0] === 'health'))
      .symbols, undefined);
    assert.equal(peer.messages.length, 3);
  });
