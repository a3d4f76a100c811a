// Copyright (C) the ngx_trading authors
// SPDX-License-Identifier: BSD-2-Clause
//
// One connection kept alive, over WebSocket or SSE.

import { Accounts } from './accounts.js';
import { Journal } from './journal.js';

export const DEFAULTS = {
  minDelay: 500,          // bound of the first wait; doubles with each failure
  maxDelay: 30000,
  connectTimeout: 10000,  // until "connected"
  stableAfter: 5000,      // a shorter connection counts as a failure
  random: Math.random,
};

// closed for what we did: the same again would end the same way
const OUR_FAULT = new Set([1002, 1003, 1007, 1008, 1009]);
const TRY_LATER = 1013;
const NO_ANSWER = 4000;
const SILENT = 4001;
export const REFUSED = 4002;
const LONGEST = 2 ** 31 - 1;    // a timer for longer would fire at once

const EVENTS = ['connected', 'subscribed', 'price_update', 'candle_update',
  'trade_update', 'orderbook_update', 'signal_update', 'market_data_update',
  'health_update', 'order_update', 'position_update', 'balance_update',
  'alert', 'binary', 'binary_update', 'skipped', 'missed', 'status',
  'unsubscribed', 'resync', 'resumed', 'drain', 'error'];


// One connection, and its successors. dial(handlers) makes a peer with
// close(), and send() where it can. The owner is told by greeted(link,
// message), heard(link, message) and moved(link, details).
export class Link {
  journal = new Journal();
  accounts = new Accounts();
  state = 'closed';
  heartbeat = 0;
  #dialler;
  #owner;
  #options;
  #peer = null;         // delivers
  #next = null;         // was dialled, has not said "connected"
  #attempt = 0;
  #since = 0;
  #heardAt = 0;
  #pinged = false;
  #timers = new Map();

  constructor(dialler, owner, options) {
    this.#dialler = dialler;
    this.#owner = owner;
    this.#options = options;
  }

  open() {
    this.#move('connecting');
    if (this.state === 'connecting') {      // nobody has closed it on hearing
      this.#dial();
    }
  }

  close() {
    for (const name of [...this.#timers.keys()]) {
      this.cancel(name);
    }
    this.#peer?.close();
    this.#next?.close();
    this.#peer = this.#next = null;
    this.#move('closed');
  }

  send(text) {
    this.#peer?.send(text);
  }

  later(name, delay, action) {
    this.cancel(name);
    this.#timers.set(name, setTimeout(() => {
      this.#timers.delete(name);
      action();
    }, Math.min(delay, LONGEST)));
  }

  cancel(name) {
    clearTimeout(this.#timers.get(name));
    this.#timers.delete(name);
  }

  pending(name) {
    return this.#timers.has(name);
  }

  // the network is back: do not sit out a wait
  hurry() {
    if (this.state === 'waiting') {
      this.cancel('retry');
      this.open();
    }
  }

  // This worker leaves. Its successor is dialled shortly before, not at once:
  // the server has spread its clients over the delay.
  drain(message) {
    const delay = Math.max(0, Number(message.delay_ms) || 0);
    this.later('handover', delay * 0.8, () => {
      if (this.#peer && !this.#next) {
        this.cancel('retry');
        this.#dial();
      }
    });
  }

  #move(state, details = {}) {
    if (state !== this.state || state === 'waiting') {
      this.state = state;
      this.#owner.moved(this, details);
    }
  }

  #dial() {
    let peer = null;
    peer = this.#dialler({
      message: (...heard) => this.#received(peer, ...heard),
      ended: (code, reason) => this.#ended(peer, code, reason),
    });
    this.#next = peer;
    this.later('connect', this.#options.connectTimeout,
      () => this.#ended(peer, NO_ANSWER, 'not connected in time'));
  }

  // place: of the server's own telling, up to which all was sent; type: of a
  // message that does not name its own
  #received(peer, text, place, type) {
    if (!peer || (peer !== this.#peer && peer !== this.#next)) {
      return;
    }
    if (peer === this.#peer) {
      this.#heardAt = Date.now();
      this.#pinged = false;
    }
    const message = parse(text, type);
    if (message instanceof Error) {
      this.#owner.emit('error', { type: 'error', code: 'bad_message',
        detail: message.message, local: true });
    } else if (peer === this.#next && message.type === 'connected') {
      this.#take(peer, message);
    } else if (peer === this.#peer || message.type === 'error') {
      this.#owner.heard(this, message);
      this.journal.advanceTo(place);
    }
  }

  // From here on the new one delivers, from where the old one has come to.
  #take(peer, message) {
    this.#peer?.close();
    this.#peer = peer;
    this.#next = null;
    for (const name of ['connect', 'handover', 'retry']) {
      this.cancel(name);
    }
    this.#since = this.#heardAt = Date.now();
    this.#pinged = false;
    this.heartbeat = Number(message.heartbeat_ms) || 0;
    if (peer.pings && this.heartbeat > 0) {
      this.later('watch', this.heartbeat, () => this.#watch());
    }
    const before = this.state;
    this.state = 'open';
    this.#owner.greeted(this, message);
    if (before !== 'open' && this.state === 'open') {
      this.#owner.moved(this, {});
    }
  }

  #watch() {
    const quiet = Date.now() - this.#heardAt;
    let next = this.heartbeat - quiet;
    if (quiet >= this.heartbeat) {
      if (this.#pinged) {
        this.#ended(this.#peer, SILENT, 'nothing heard');
        return;
      }
      this.send('{"type":"ping"}');
      this.#pinged = true;
      next = this.heartbeat;
    }
    this.later('watch', next, () => this.#watch());
  }

  #ended(peer, code, reason) {
    peer?.close();
    if (peer === this.#next) {
      this.#next = null;
      this.cancel('connect');
    } else if (peer === this.#peer) {
      this.#peer = null;
      this.cancel('watch');
      this.cancel('handover');
      if (Date.now() - this.#since >= this.#options.stableAfter) {
        this.#attempt = 0;
      }
    } else {
      return;
    }
    if (this.#next) {
      this.#move('connecting', { code, reason });
    } else if (!this.pending('retry') || !this.#peer) {
      this.#wait(code, reason);
    }
  }

  #wait(code, reason) {
    const delay = this.#delay(code);
    this.#attempt++;
    this.later('retry', delay, () => {
      if (this.#peer) {
        this.#dial();           // a hand-over that failed once
      } else {
        this.open();
      }
    });
    if (!this.#peer) {
      this.#move('waiting', { code, reason, delay, attempt: this.#attempt });
    }
  }

  #delay(code) {
    const { minDelay, maxDelay, random } = this.#options;
    const bound = Math.min(maxDelay, minDelay * 2 ** this.#attempt);
    if (OUR_FAULT.has(code)) {
      return maxDelay / 2 + random() * maxDelay / 2;
    }
    if (code === TRY_LATER) {
      const later = Math.min(maxDelay, Math.max(bound, 8 * minDelay));
      return later / 2 + random() * later / 2;
    }
    return random() * bound;
  }
}


function parse(text, type) {
  try {
    let message = JSON.parse(text);
    if (type !== undefined && message && message.type === undefined) {
      message = { type, ...message };
    }
    return typeof message?.type === 'string'
      ? message : new Error('a message without a type');
  } catch (error) {
    return error;
  }
}


export function dialSocket(WebSocket, url, on) {
  const socket = new WebSocket(url);
  socket.onmessage = (event) => on.message(event.data);
  socket.onclose = (event) => on.ended(event.code, event.reason);
  // not everywhere does a close follow
  socket.onerror = () => on.ended(1006, 'the connection failed');
  return {
    pings: true,
    send(text) {
      if (socket.readyState === 1) {
        socket.send(text);
      }
    },
    close() {
      socket.onmessage = socket.onclose = null;
      // not everywhere may an error stay unheard
      socket.onerror = () => {};
      socket.close();
    },
  };
}


// The comments that keep it alive are not shown to us, so a dead connection
// is the browser's to find.
export function dialSource(EventSource, url, on) {
  const source = new EventSource(url);
  const listen = (event) => {
    // an event of the server may be named "error", too
    if (event.data !== undefined) {
      on.message(event.data, event.lastEventId, event.type);
    } else if (source.readyState === 2) {
      on.ended(REFUSED, 'the server refused it');
    } else {
      on.ended(1006, 'the connection was lost');
    }
  };
  EVENTS.forEach((name) => source.addEventListener(name, listen));
  return {
    pings: false,
    send() {},
    close() {
      EVENTS.forEach((name) => source.removeEventListener(name, listen));
      source.close();
    },
  };
}
