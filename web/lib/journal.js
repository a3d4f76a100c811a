// Copyright (C) the ngx_trading authors
// SPDX-License-Identifier: BSD-2-Clause
//
// What a client has received and what it has asked for: the Journal of a
// connection, and the Subscriptions with their Progress.

// channels of states, of which the newest counts; of the others each event
export const STATES = new Set(['prices', 'candles', 'orderbook', 'signals',
  'market_data', 'health', 'binary']);
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

  // [symbol, interval] of all that came in a channel
  keys(channel) {
    return [...this.#seen.get(channel)?.keys() ?? []].map((key) => {
      const at = key.lastIndexOf('|');
      return [key.slice(0, at), key.slice(at + 1)];
    });
  }

  forget(channel) {
    this.#seen.delete(channel);
  }
}


// How far one channel of a subscription has come.
class Progress {
  known = false;          // was confirmed once
  base = null;            // all up to it was delivered
  replies = 0;            // still to come, where it was asked for in parts
  #owed = [];             // of snapshots that follow as updates
  #seq = null;            // what base will be once all of that has come

  // what was under way is asked for anew
  reset() {
    this.#owed = [];
    this.#seq = null;
  }

  answered() {
    this.replies = Math.max(0, this.replies - 1);
    this.#settle();
  }

  // the state at `seq` was sent but for `count` updates, which follow
  await(seq, count, { symbols = null, interval = null } = {}) {
    this.#seq = Math.min(this.#seq ?? seq, seq);
    if (count > 0) {
      this.#owed.push({ count, interval, got: new Set(),
        symbols: symbols && new Set(symbols) });
    }
    this.#settle();
  }

  came(symbol = '', interval = null) {
    if (this.#owed.length > 0) {
      for (const owed of this.#owed) {
        if ((owed.symbols?.has(symbol) ?? true)
            && (owed.interval ?? interval) === interval) {
          owed.got.add(symbol);
        }
      }
      this.#owed = this.#owed.filter(({ got, count }) => got.size < count);
      this.#settle();
    }
  }

  #settle() {
    if (this.#seq !== null) {
      const whole = this.replies === 0 && this.#owed.length === 0;
      this.base = whole ? this.#seq : null;
      this.#seq = whole ? null : this.#seq;
    }
  }
}


// What one call of subscribe() asked for.
export class Subscription {
  constructor(channels, { symbols, assetClass, interval }) {
    this.channels = new Map(list(channels)
      .map((name) => [name, new Progress()]));
    this.symbols = list(symbols).length > 0 ? new Set(list(symbols)) : null;
    this.named = new Set();     // the same as the server spells them
    this.except = new Set();
    this.assetClass = list(assetClass);
    this.interval = list(interval);
  }

  get key() {
    return JSON.stringify([[...this.channels.keys()],
      this.symbols && [...this.symbols], this.assetClass, this.interval]);
  }

  // Others with the same may be asked for in one message with it; null: it is
  // not so simple.
  get kin() {
    return this.symbols === null || this.except.size > 0
      ? null : JSON.stringify([this.assetClass, this.interval]);
  }

  // false if nothing is left
  remove(channels, symbols) {
    let left = true;
    for (const name of channels) {
      if (!this.channels.has(name)) {
        continue;
      }
      if (!symbols) {
        this.channels.delete(name);
      } else if (this.symbols && this.channels.size === 1) {
        left = this.drop(symbols);
      } else {
        symbols.filter((symbol) => this.#holds(symbol))
          .forEach((symbol) => this.except.add(`${name}|${symbol}`));
      }
    }
    return left && this.channels.size > 0;
  }

  #holds(symbol) {
    return [...this.symbols ?? [symbol], ...this.named].some((name) =>
      name.toUpperCase() === symbol.toUpperCase());
  }

  // Without these instruments, in all channels; false if nothing is left.
  // They may be the server's names for what was asked for by another.
  drop(symbols) {
    const gone = new Set(symbols.map((symbol) => symbol.toUpperCase()));
    const known = this.named.size > 0;
    for (const names of this.symbols ? [this.symbols, this.named] : []) {
      for (const name of names) {
        if (gone.has(name.toUpperCase())) {
          names.delete(name);
        }
      }
    }
    const asked = [...this.channels.values()].some((p) => p.replies > 0);
    return this.symbols?.size !== 0
      && !(known && this.named.size === 0 && !asked);
  }

  wants(channel, symbol) {
    return this.channels.has(channel)
      && !this.except.has(`${channel}|${symbol}`)
      && (symbol === undefined || this.named.size === 0
        || this.named.has(symbol));
  }
}
