#!/usr/bin/python3
# Copyright (C) the ngx_trading authors
# SPDX-License-Identifier: BSD-2-Clause
"""A terminal's screen as an SVG, for the documents.

    tmux capture-pane -e -p | util/terminal-svg.py [COLUMNS] > screen.svg

Understands what tmux writes: SGR with the eight colours, bold, dim, reverse.
Each run of one style is placed by its column, so that no font shifts it.
"""

import re
import sys
from html import escape

COLOURS = {30: '#1d2129', 31: '#ff7b72', 32: '#56d364', 33: '#e3b341',
           34: '#79c0ff', 35: '#d2a8ff', 36: '#76d9e6', 37: '#d6dae0'}
INK, PAPER, BAR, DIM = '#d6dae0', '#12151b', '#2b3340', '#8b949e'
WIDE, HIGH, PAD = 9, 19, 14
GLYPHS = {'●', '○', '▲', '▼', '↕', '─'}


def cells(line, style):
    """(character, style) of a line; styles last over its end, as tmux's do."""
    out = []
    for part in re.split(r'(\x1b\[[0-9;]*m)', line):
        if not part.startswith('\x1b'):
            out += [(c, dict(style)) for c in part]
            continue
        for code in (int(n or 0) for n in part[2:-1].split(';')):
            if code == 0:
                style.clear()
            elif code in (1, 2, 7):
                style[code] = True
            elif code == 22:
                style.pop(1, None), style.pop(2, None)
            elif code == 27:
                style.pop(7, None)
            elif code in COLOURS:
                style['ink'] = COLOURS[code]
            elif code == 39:
                style.pop('ink', None)
    return out


def runs(line):
    """[column, text, style]: one style, and a glyph always alone"""
    out = []
    for column, (char, style) in enumerate(line):
        alone = char in GLYPHS
        if out and not alone and out[-1][2] == style \
                and out[-1][1][-1] not in GLYPHS:
            out[-1][1] += char
        else:
            out.append([column, char, style])
    return out


def main():
    columns = int(sys.argv[1]) if len(sys.argv) > 1 else 80
    style = {}
    lines = [cells(line, style)
             for line in sys.stdin.read().rstrip('\n').split('\n')]
    width = columns * WIDE + 2 * PAD
    height = len(lines) * HIGH + 2 * PAD
    print(f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" '
          f'height="{height}" viewBox="0 0 {width} {height}" '
          'font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" '
          'font-size="15">')
    print(f'<rect width="{width}" height="{height}" rx="8" fill="{PAPER}"/>')
    for row, line in enumerate(lines):
        top = PAD + row * HIGH
        if line and line[0][1].get(7):
            print(f'<rect x="{PAD}" y="{top}" width="{columns * WIDE}" '
                  f'height="{HIGH}" fill="{BAR}"/>')
        for column, text, look in runs(line):
            if not text.strip():
                continue
            lead = len(text) - len(text.lstrip())
            text = text.strip()
            ink = look.get('ink', DIM if look.get(2) else INK)
            bold = ' font-weight="bold"' if look.get(1) else ''
            print(f'<text x="{PAD + (column + lead) * WIDE}" '
                  f'y="{top + 14}" fill="{ink}"{bold} xml:space="preserve" '
                  f'textLength="{len(text) * WIDE}" '
                  f'lengthAdjust="spacingAndGlyphs">{escape(text)}</text>')
    print('</svg>')


if __name__ == '__main__':
    main()
