// Copyright (C) the ngx_trading authors
// SPDX-License-Identifier: BSD-2-Clause
//
// How values are written. Prices are decimal text and stay as they came.

export const NONE = '–';

export function price(text) {
  if (text === null || text === undefined) {
    return NONE;
  }
  const [whole, part] = String(text).split('.');
  const grouped = whole.replace(/\B(?=(\d{3})+(?!\d))/g, ' ');
  return part === undefined ? grouped : `${grouped}.${part}`;
}

export function change(text) {
  if (text === null || text === undefined) {
    return { text: NONE, sign: '' };
  }
  const value = Number(text);
  const shown = `${Math.abs(value).toFixed(2)} %`;
  return value > 0 ? { text: `▲ ${shown}`, sign: 'up' }
    : value < 0 ? { text: `▼ ${shown}`, sign: 'down' }
      : { text: shown, sign: '' };
}

export function age(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  return seconds < 1 ? 'now' : seconds < 60 ? `${seconds} s`
    : seconds < 3600 ? `${Math.floor(seconds / 60)} min`
      : seconds < 86400 ? `${Math.floor(seconds / 3600)} h`
        : `${Math.floor(seconds / 86400)} d`;
}

export function time(text) {
  return text.slice(11, 19);
}

export function element(name, text, className) {
  const node = document.createElement(name);
  if (text !== undefined) {
    node.textContent = text;
  }
  if (className) {
    node.className = className;
  }
  return node;
}

export function put(node, text) {
  if (node.textContent !== text) {
    node.textContent = text;
  }
}
