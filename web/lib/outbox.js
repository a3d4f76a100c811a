// Copyright (C) the ngx_trading authors
// SPDX-License-Identifier: BSD-2-Clause
//
// What is still to be said to the server, at the rate that it will hear.  It
// counts messages, and apart from them the units of work that they ask for;
// both come back as fast.  Here they are spent from one purse, which is never
// fuller than either of the server's.

const SHARE = 0.8;        // of what the server allows: its clock is not ours
const MOST = 4;           // seconds' worth: no message counts as more
const PAUSE = 1000;       // after a refusal, doubled with each in a row

export class Outbox {
  #link;
  #random;
  #queue = [];            // { cost(), text() }; a text may be null by then
  #rate = 0;              // a second; 0: as many as one likes
  #room = 0;              // what may be spent now, less than 0: a debt
  #filled = 0;
  #until = 0;             // nothing is said before
  #refusals = 0;

  constructor(link, random) {
    this.#link = link;
    this.#random = random;
  }

  // a new connection, of which the server has counted nothing yet
  begin(limit) {
    this.#rate = limit * SHARE;
    this.#room = this.#rate;
    this.#filled = performance.now();
    this.#until = this.#refusals = 0;
    this.clear();
  }

  clear() {
    this.#queue = [];
    this.#link.cancel('outbox');
  }

  add(...messages) {
    this.#queue.push(...messages);
    this.#flush();
  }

  // it was too much at that time: once more, before all others
  again(message) {
    const pause = PAUSE * 2 ** Math.min(this.#refusals++, 4);
    this.#until = performance.now() + pause * (1 + this.#random() / 4);
    this.#room = Math.min(this.#room, 0);
    this.#queue.unshift(message);
    this.#flush();
  }

  // something was heard out
  heard() {
    this.#refusals = 0;
  }

  // of those that wait, only such as `fits` is true of are left
  keep(fits) {
    this.#queue = this.#queue.filter(fits);
  }

  waits(fits) {
    return this.#queue.some(fits);
  }

  // ms until as much may be spent; what counts as more than one can have is
  // said with all that there is, and leaves a debt
  #wait(cost) {
    const now = performance.now();
    this.#room = Math.min(this.#rate,
      this.#room + (now - this.#filled) / 1000 * this.#rate);
    this.#filled = now;
    const lack = this.#rate === 0
      ? 0 : Math.min(cost, this.#rate) - this.#room;
    return Math.max(this.#until - now, lack > 0
      ? lack / this.#rate * 1000 : 0);
  }

  #flush() {
    while (this.#queue.length > 0) {
      const [message] = this.#queue;
      const cost = Math.min(message.cost(), MOST * this.#rate / SHARE);
      const wait = this.#wait(cost);
      if (wait > 0) {
        this.#link.later('outbox', Math.ceil(wait), () => this.#flush());
        return;
      }
      this.#queue.shift();
      const text = message.text();
      if (text !== null) {
        this.#room -= cost;
        this.#link.send(text);
      }
    }
    this.#link.cancel('outbox');
  }
}
