// Copyright (C) the ngx_trading authors
// SPDX-License-Identifier: BSD-2-Clause

export type Channel = 'prices' | 'candles' | 'orderbook' | 'signals'
  | 'market_data' | 'health' | 'trades' | 'orders' | 'positions' | 'balances'
  | 'alerts'
  /** Of /trading/binary/stream alone, over SSE. */
  | 'binary';
export type AssetClass = 'CRYPTO' | 'FOREX' | 'METALS' | 'COMMODITIES';
export type Interval = '1m' | '5m' | '15m' | '1h' | '4h' | '1d';
/** A decimal number as text, exact. */
export type Decimal = string;

export interface Quote {
  symbol: string;
  exchange_symbol: string;
  asset_class: AssetClass;
  current_price: Decimal | null;
  bid: Decimal | null;
  ask: Decimal | null;
  price_change_24h: Decimal | null;
  open_24h: Decimal | null;
  high_24h: Decimal | null;
  low_24h: Decimal | null;
  volume: Decimal | null;
  quote_volume: Decimal | null;
  timestamp: string;
  received_at: string;
  source: string;
  simulated: boolean;
  stale: boolean;
  seq: number;
}

export interface Candle {
  symbol: string;
  interval: Interval;
  open_time: string;
  open: Decimal;
  high: Decimal;
  low: Decimal;
  close: Decimal;
  volume: Decimal;
  quote_volume: Decimal;
  trades: number;
  closed: boolean;
  complete: boolean;
}

export interface Trade {
  symbol: string;
  id: number;
  price: Decimal;
  quantity: Decimal;
  side: 'buy' | 'sell' | null;
  timestamp: string;
  seq: number;
}

export interface OrderBook {
  symbol: string;
  last_update_id: number;
  timestamp: string;
  received_at: string;
  stale: boolean;
  bids: [price: Decimal, quantity: Decimal][];
  asks: [price: Decimal, quantity: Decimal][];
}

export interface Signal {
  symbol: string;
  signal: string;
  signal_strength: number;
  confidence: number;
  timeframe: string;
  timestamp: string;
  [field: string]: unknown;
}

export interface Update<Type extends string, Data> {
  type: Type;
  channel: Channel;
  seq: number;
  timestamp: string;
  data: Data;
}

type Fields = Record<string, unknown>;

export interface Events {
  price_update: Update<'price_update', Quote>;
  candle_update: Update<'candle_update', Candle>;
  trade_update: Update<'trade_update', Trade>;
  orderbook_update: Update<'orderbook_update', OrderBook>;
  signal_update: Update<'signal_update', Signal>;
  market_data_update: Update<'market_data_update', Fields>;
  health_update: Update<'health_update', Fields>;
  order_update: Update<'order_update', Fields>;
  position_update: Update<'position_update', Fields>;
  balance_update: Update<'balance_update', Fields>;
  alert: Update<'alert', Fields>;
  /** The body of /trading/binary, before the updates. */
  binary: { type: 'binary' } & Fields;
  binary_update: Update<'binary_update', Fields>;
  connected: { type: 'connected'; epoch: number; seq: number;
    server_time: string; heartbeat_ms: number;
    limits: Record<string, number>; channels: Channel[] };
  subscribed: { type: 'subscribed'; id?: number; channel: Channel;
    symbols: string[] | null; interval: string | null; epoch: number;
    seq: number; snapshot: unknown[] | null; snapshot_count?: number;
    recovered?: boolean };
  /** With a `reason`: unasked, since these are no longer on the board. They are
   *  not asked for again. */
  unsubscribed: { type: 'unsubscribed'; id?: number; channel: Channel;
    symbols?: string[] | null; interval?: string | null; reason?: string };
  /** After a reconnect, for each channel: false if events may be lost. The
   *  snapshot is in `subscribed`, or follows as updates. */
  recovered: { type: 'recovered'; channel: Channel; recovered: boolean;
    symbols: string[] | null; epoch: number; seq: number };
  skipped: { type: 'skipped'; channel: Channel; skipped: number; seq: number };
  /** Of an account's channels over WebSocket: only what could not be had when
   *  it was asked for again. */
  missed: { type: 'missed'; channel: Channel; missed: number; seq: number };
  status: { type: 'status'; stale: boolean; reason: string; epoch: number;
    seq: number };
  resync: { type: 'resync'; epoch: number; seq: number; reason: string };
  drain: { type: 'drain'; reason: string; resume: string; delay_ms: number };
  pong: { type: 'pong'; server_time: string };
  /** `local`: found by this client, not said by the server. `again`: it is
   *  asked for again; otherwise these channels and symbols have ended. */
  error: { type: 'error'; code: string; detail: string; id?: number;
    local?: true; again?: true; channels?: Channel[];
    symbols?: string[] | null };
  state: StateEvent;
}

export type State = 'connecting' | 'open' | 'waiting' | 'closed';

/** Of `waiting`: why, how long, and which attempt in a row. `code` is the close
 *  code, 4000 for no answer in time, 4001 for a connection that fell silent,
 *  4002 for an answer over SSE that is no stream. */
export interface StateEvent {
  type: 'state';
  state: State;
  code?: number;
  reason?: string;
  delay?: number;
  attempt?: number;
}

export interface Options {
  /** Bound of the first wait, doubled with each failure. Default 500 ms. */
  minDelay?: number;
  /** Bound of all waits. Default 30000 ms. */
  maxDelay?: number;
  /** Until `connected`. Default 10000 ms. */
  connectTimeout?: number;
  /** A connection that ends sooner counts as a failure. Default 5000 ms. */
  stableAfter?: number;
  random?: () => number;
  WebSocket?: unknown;
  EventSource?: unknown;
  /** Over SSE, to learn why the server refused. */
  fetch?: unknown;
}

export interface Filter {
  /** All instruments if there are none. */
  symbols?: string | string[] | null;
  assetClass?: AssetClass | AssetClass[];
  interval?: Interval | Interval[];
}

declare class Stream {
  constructor(url: string | URL, options?: Options);
  readonly state: State;
  readonly epoch: number | null;
  /** The highest that was heard. */
  readonly seq: number | null;
  readonly stats: { messages: number; duplicates: number; skipped: number;
    missed: number; reconnects: number };
  /** Gives the function that ends it. */
  on<T extends keyof Events>(type: T,
    handler: (event: Events[T], type: T) => void): () => void;
  on(type: '*', handler: (event: Events[keyof Events], type: string) => void):
    () => void;
  off(type: keyof Events | '*', handler: Function): void;
  subscribe(channels: Channel | Channel[], filter?: Filter): this;
  /** For every subscription that holds them; without symbols the whole
   *  channel. Symbols are spelled as in subscribe(). */
  unsubscribe(channels: Channel | Channel[],
    filter?: { symbols?: string | string[] | null }): this;
  close(): void;
}

export class TradingStream extends Stream {
  ping(): void;
}

export class TradingEvents extends Stream {}

export function connect(url: string | URL,
  options: Options & { transport: 'sse' }): TradingEvents;
export function connect(url: string | URL,
  options?: Options & { transport?: 'websocket' }): TradingStream;
export function connect(url: string | URL,
  options?: Options & { transport?: 'websocket' | 'sse' }):
  TradingStream | TradingEvents;
