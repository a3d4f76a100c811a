// Copyright (C) the ngx_trading authors
// SPDX-License-Identifier: BSD-2-Clause
//
// What the tests of the client over WebSocket share: for each test a server of
// its own, and a client that keeps what it has told.

import assert from 'node:assert/strict';
import { afterEach, beforeEach } from 'node:test';

import { connect } from '../stream.js';
import { Server } from './server.mjs';

export const SOON = { minDelay: 20, maxDelay: 200 };
export let server, stream;

beforeEach(async () => {
  server = await new Server().listen();
});

afterEach(async () => {
  stream?.close();
  await server.end();
});

// a stream, and what it has told
export function follow(options = {}) {
  take(connect(server.ws, { ...SOON, ...options }));
  const told = [];
  stream.on('*', (event, type) => told.push({ ...event, type }));
  stream.log = (type) => told.filter((event) => event.type === type);
  stream.next = (type, count = 1) => until(
    () => stream.log(type).length >= count && stream.log(type)[count - 1],
    `${count} ${type}, but ${JSON.stringify(told.map((e) => e.type))}`);
  return stream;
}

export async function until(condition, what, ms = 5000) {
  const end = Date.now() + ms;
  for (;;) {
    const value = condition();
    if (value) {
      return value;
    }
    assert.ok(Date.now() < end, `not in time: ${what}`);
    await pause(5);
  }
}

export function pause(ms) {
  return new Promise((resolve) => { setTimeout(resolve, ms); });
}

// connected, and subscribed at 100
export async function subscribed(channels = 'prices', filter = {},
  options = {}) {
  follow(options).subscribe(channels, filter);
  const peer = await server.peer(0);
  peer.hello(options.hello);
  peer.confirm(await peer.message('subscribe'), options.confirm);
  await stream.next('subscribed');
  return peer;
}

export const seqs = (type) => stream.log(type).map((event) => event.seq);

// closed when the test ends
export function take(other) {
  stream = other;
}
