// Copyright (C) the ngx_trading authors
// SPDX-License-Identifier: BSD-2-Clause
//
// Candles on a canvas: with volume below, prices to the right, times at the
// bottom. Drawn at most once a frame.

import { price } from './format.js';

const RIGHT = 78, BOTTOM = 22, TOP = 12, VOLUME = 0.18, GAP = 8;

export class Chart {
  #canvas;
  #legend;
  #candles = [];
  #name = '';
  #frame = 0;

  constructor(canvas, legend) {
    this.#canvas = canvas;
    this.#legend = legend;
    new ResizeObserver(() => this.draw()).observe(canvas);
    matchMedia('(prefers-color-scheme: dark)')
      .addEventListener('change', () => this.draw());
  }

  show(name, candles) {
    this.#name = name;
    this.#candles = candles;
    this.draw();
  }

  draw() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#paint();
    });
  }

  #paint() {
    const canvas = this.#canvas, ratio = devicePixelRatio || 1;
    const width = canvas.clientWidth, height = canvas.clientHeight;
    if (width === 0 || height === 0) {
      return;
    }
    if (canvas.width !== Math.round(width * ratio)
        || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    const pen = canvas.getContext('2d'), style = getComputedStyle(canvas);
    const colour = (name) => style.getPropertyValue(name).trim();
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    pen.font = `11px ${colour('--number')}`;
    pen.textBaseline = 'middle';

    const step = width < 500 ? 6 : 8;
    const room = Math.max(1, Math.floor((width - RIGHT) / step));
    const candles = this.#candles.slice(-room);
    this.#describe(candles);
    if (candles.length === 0) {
      pen.fillStyle = colour('--soft');
      pen.textAlign = 'center';
      pen.fillText('No candles yet', width / 2, height / 2);
      return;
    }

    const scale = this.#scale(candles, width, height, step);
    this.#grid(pen, scale, candles, colour);
    this.#bodies(pen, scale, candles, colour);
    this.#last(pen, scale, candles.at(-1), colour);
  }

  #scale(candles, width, height, step) {
    const low = Math.min(...candles.map((c) => Number(c.low)));
    const high = Math.max(...candles.map((c) => Number(c.high)));
    const span = high - low || high * 0.001 || 1;
    const bottom = height - BOTTOM;
    const floor = bottom - (bottom - TOP) * VOLUME - GAP;
    return { low, high, span, bottom, floor, step, width, height,
      right: width - RIGHT,
      most: Math.max(...candles.map((c) => Number(c.volume) || 0)),
      x: (i) => width - RIGHT - (candles.length - i - 0.5) * step,
      y: (value) => floor - (value - low) / span * (floor - TOP),
      digits: (candles.at(-1).close.split('.')[1] ?? '').length };
  }

  #grid(pen, s, candles, colour) {
    pen.strokeStyle = colour('--faint');
    pen.fillStyle = colour('--soft');
    pen.lineWidth = 1;
    pen.textAlign = 'left';
    for (const value of marks(s.low, s.high, 5)) {
      const y = Math.round(s.y(value)) + 0.5;
      line(pen, 0, y, s.right, y);
      pen.fillText(price(value.toFixed(s.digits)), s.right + 8, y);
    }
    pen.textAlign = 'center';
    const every = Math.ceil(90 / s.step);
    for (let i = candles.length - 1 - every / 2 | 0; i >= 0; i -= every) {
      const x = Math.round(s.x(i)) + 0.5, text = candles[i].open_time;
      if (x < 24) {
        break;
      }
      line(pen, x, TOP, x, s.bottom);
      pen.fillText(text.endsWith('00:00:00.000Z') ? text.slice(5, 10)
        : text.slice(11, 16), x, s.bottom + BOTTOM / 2);
    }
  }

  #bodies(pen, s, candles, colour) {
    const up = colour('--up'), down = colour('--down');
    const thick = Math.max(1, s.step - 3);
    candles.forEach((candle, i) => {
      const open = Number(candle.open), close = Number(candle.close);
      const x = Math.round(s.x(i));
      pen.fillStyle = close >= open ? up : down;
      pen.globalAlpha = 0.35;
      const tall = s.most > 0
        ? Number(candle.volume) / s.most * (s.bottom - s.floor - GAP) : 0;
      pen.fillRect(x - thick / 2, s.bottom - tall, thick, tall);
      pen.globalAlpha = 1;
      const top = s.y(Number(candle.high));
      pen.fillRect(x - 0.5, top, 1, s.y(Number(candle.low)) - top);
      const from = s.y(Math.max(open, close)), to = s.y(Math.min(open, close));
      pen.fillRect(x - thick / 2, from, thick, Math.max(1, to - from));
    });
  }

  #last(pen, s, candle, colour) {
    const y = Math.round(s.y(Number(candle.close))) + 0.5;
    pen.strokeStyle = pen.fillStyle = colour('--accent');
    pen.setLineDash([3, 3]);
    line(pen, 0, y, s.right, y);
    pen.setLineDash([]);
    pen.fillRect(s.right + 2, y - 9, RIGHT - 4, 18);
    pen.fillStyle = colour('--card');
    pen.textAlign = 'left';
    pen.fillText(price(candle.close), s.right + 8, y + 0.5);
  }

  // for those who do not see it
  #describe(candles) {
    const last = candles.at(-1);
    const text = last ? `open ${price(last.open)}  high ${price(last.high)}  `
      + `low ${price(last.low)}  close ${price(last.close)}  `
      + `volume ${price(last.volume)}` : '';
    this.#legend.textContent = text;
    this.#canvas.setAttribute('aria-label', last
      ? `${candles.length} candles of ${this.#name}. The last: ${text}`
      : `No candles of ${this.#name} yet`);
  }
}

function line(pen, x1, y1, x2, y2) {
  pen.beginPath();
  pen.moveTo(x1, y1);
  pen.lineTo(x2, y2);
  pen.stroke();
}

// round values between low and high, about `count` of them
function marks(low, high, count) {
  const rough = (high - low || 1) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((n) => n * power >= rough) * power;
  const out = [];
  for (let v = Math.ceil(low / step) * step; v <= high && out.length < 20;
    v += step) {
    out.push(v);
  }
  return out;
}
