// Copyright (C) the ngx_trading authors
// SPDX-License-Identifier: BSD-2-Clause
//
// What a client has received and what it has asked for: the Journal of a
// connection, and the Subscriptions.

// channels of states, of which the newest counts; of the others each event
export const STATES = new Set(['prices', 'candles', 'orderbook', 'signals',
  'market_data', 'health']);
// channels of an account: their seq and epoch are not the board's
export const PRIVATE = new Set(['orders', 'positions', 'balances', 'alerts']);
const SAME_PLACE = 256;   // events of one symbol at one seq that are compared


export function list(value) {
  return value === undefined || value === null ? [] : [value].flat();
}


// How far we have come in the board's journal, and what was delivered.
export class Journal {
  epoch = null;
  seq = null;             // the highest that was heard
  sure = null;            // all up to here was received
  told = false;           // sure is what the server says it is
  #hold = null;           // what is resent must have come before sure moves
  #floor = 0;             // what the server said is sure for all channels
  #last = new Map();      // channel -> the highest seq that came in it
  #seen = new Map();      // channel -> key -> { seq, what came at that seq }

  enter(epoch) {
    if (epoch !== undefined && epoch !== this.epoch) {
      this.epoch = epoch;
      this.seq = this.sure = this.#hold = null;
      this.#floor = 0;
      this.#last.clear();
      this.#seen.clear();
    }
  }

  // One seq may bring events of several channels, and the connection may end
  // between them: sure is only what was before.
  advance(seq, channel) {
    this.seq = Math.max(this.seq ?? seq, seq);
    this.#last.set(channel, Math.max(this.#last.get(channel) ?? seq, seq));
    if (!this.told) {
      this.#assure(this.seq - 1);
    }
  }

  // Where a channel can go on that was whole at `base`.  Who is slow gets
  // trades ahead of older prices: seq rises within a channel only.  Where the
  // server tells the place itself, by ids of events, that holds for all.
  from(channel, base) {
    if (this.told) {
      return Math.max(base, this.sure ?? base);
    }
    const last = this.#last.get(channel) ?? 0;
    return Math.max(base, this.#floor, Math.min(this.sure ?? 0, last - 1));
  }

  #assure(seq) {
    if (this.#hold && (this.#hold.replies > 0 || seq < this.#hold.until)) {
      return;
    }
    this.#hold = null;
    this.sure = Math.max(this.sure ?? seq, seq);
  }

  // After a reconnect each channel is resent by itself, so that one of them
  // says nothing of the others until all of them have come to the present.
  hold(replies) {
    this.#hold ??= { replies: 0, until: 0 };
    this.#hold.replies += replies;
  }

  // a new connection begins
  begin() {
    this.#hold = null;
  }

  release(seq = 0) {
    if (this.#hold) {
      this.#hold.replies--;
      this.#hold.until = Math.max(this.#hold.until, seq);
    }
  }

  // of "epoch-seq", where it is of this board
  advanceTo(token) {
    const [, epoch, seq] = /^(\d+)-(\d+)$/.exec(token ?? '') ?? [];
    if (epoch !== undefined && Number(epoch) === this.epoch) {
      this.#assure(Number(seq));
      if (!this.#hold) {
        this.#floor = Math.max(this.#floor, Number(seq));
      }
    }
  }

  // false if this was delivered before
  deliver(channel, seq, data) {
    const key = `${data?.symbol ?? ''}|${data?.interval ?? ''}`;
    let keys = this.#seen.get(channel);
    if (!keys) {
      this.#seen.set(channel, keys = new Map());
    }
    const last = keys.get(key);
    const what = STATES.has(channel) || data?.id === undefined
      ? JSON.stringify(data) : data.id;
    if (!last || seq > last.seq) {
      keys.set(key, { seq, came: [what] });
      return true;
    }
    if (seq < last.seq || last.came.includes(what)) {
      return false;
    }
    // one place may bring more than one: a candle closed and the next begun
    if (STATES.has(channel) || last.came.length === SAME_PLACE) {
      last.came.shift();
    }
    last.came.push(what);
    return true;
  }

  symbols(channel) {
    return new Set([...this.#seen.get(channel)?.keys() ?? []]
      .map((key) => key.slice(0, key.lastIndexOf('|'))));
  }

  forget(channel) {
    this.#seen.delete(channel);
  }
}


// What one call of subscribe() asked for.
export class Subscription {
  constructor(channels, { symbols, assetClass, interval }) {
    this.channels = new Map(list(channels).map((name) => [name,
      // base: all up to it was delivered; awaiting: symbols still to come;
      // place: of an account's channel, what was delivered last
      { known: false, base: null, awaiting: null, place: null }]));
    this.symbols = symbols === undefined || symbols === null
      ? null : new Set(list(symbols));
    this.except = new Set();
    this.assetClass = list(assetClass);
    this.interval = list(interval);
  }

  get key() {
    return JSON.stringify([[...this.channels.keys()],
      this.symbols && [...this.symbols], this.assetClass, this.interval]);
  }

  // false if nothing is left
  remove(channels, symbols) {
    for (const name of channels) {
      if (!this.channels.has(name)) {
        continue;
      }
      if (!symbols) {
        this.channels.delete(name);
      } else if (this.symbols && this.channels.size === 1) {
        symbols.forEach((symbol) => this.symbols.delete(symbol));
      } else {
        symbols.forEach((symbol) => this.except.add(`${name}|${symbol}`));
      }
    }
    return this.channels.size > 0 && this.symbols?.size !== 0;
  }

  wants(channel, symbol) {
    return this.channels.has(channel)
      && !this.except.has(`${channel}|${symbol}`);
  }

  // an update has come: is the channel complete now?
  settle(channel, symbol) {
    const progress = this.channels.get(channel);
    if (progress?.awaiting) {
      progress.awaiting.got.add(symbol ?? '');
      if (progress.awaiting.got.size >= progress.awaiting.count) {
        progress.base = progress.awaiting.seq;
        progress.awaiting = null;
      }
    }
  }

  await(channel, count, seq) {
    const progress = this.channels.get(channel);
    progress.base = count > 0 ? null : seq;
    progress.awaiting = count > 0 ? { count, seq, got: new Set() } : null;
  }
}
