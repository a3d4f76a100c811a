/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The recorded exchange data, for tests that run from the repository's root:
 * every JSON text of ../shared/data/binance-ws and binance-rest in turn.
 * Where that folder is not there, the tests that need it are skipped.
 */

#ifndef RECORDINGS_H
#define RECORDINGS_H

#include <glob.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#define RECORDINGS  "../shared/data"

/* text is writable, and its byte at len may be written, too */
typedef void (*recordings_pt)(void *ctx, const char *path, char *text,
    size_t len);


/* reproducible: xorshift64 */
static inline uint64_t
recordings_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;

    return *state;
}


/* the JSON of a line, or NULL; what stands before it is time or address */
static inline char *
recordings_line(char *line)
{
    return (strncmp(line, "wss:", 4) == 0) ? NULL : strpbrk(line, "{[");
}


static inline size_t
recordings_file(const char *path, int lines, recordings_pt fn, void *ctx)
{
    int      n;
    char    *data, *text, *line, *next;
    size_t   len, size, found;
    gzFile   gz;

    gz = gzopen(path, "rb");    /* plain files are read as they are */
    if (gz == NULL) {
        return 0;
    }

    data = NULL;
    len = size = found = 0;

    do {
        if (len + 65536 > size) {
            size = 2 * size + 131072;
            data = realloc(data, size);
            if (data == NULL) {
                abort();
            }
        }

        n = gzread(gz, data + len, 65535);
        len += (n > 0) ? (size_t) n : 0;
    } while (n > 0);

    gzclose(gz);
    data[len] = '\0';

    if (!lines) {
        fn(ctx, path, data, len);
        found = 1;

    } else {
        for (line = data; *line != '\0'; line = next) {
            next = line + strcspn(line, "\n");

            if (*next != '\0') {
                *next++ = '\0';
            }

            text = recordings_line(line);

            if (text != NULL) {
                fn(ctx, path, text, strlen(text));
                found++;
            }
        }
    }

    free(data);

    return found;
}


/* how many texts there were; 0: no recordings here */
static inline size_t
recordings_each(recordings_pt fn, void *ctx)
{
    size_t    i, k, found;
    glob_t    paths;

    static const struct {
        const char  *pattern;
        int          lines;
    } kinds[] = {
        { RECORDINGS "/binance-ws/*.gz", 1 },
        { RECORDINGS "/binance-ws/*.jsonl", 1 },
        { RECORDINGS "/binance-rest/*.json*", 0 }
    };

    found = 0;

    for (k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
        if (glob(kinds[k].pattern, 0, NULL, &paths) != 0) {
            continue;
        }

        for (i = 0; i < paths.gl_pathc; i++) {
            found += recordings_file(paths.gl_pathv[i], kinds[k].lines, fn,
                                     ctx);
        }

        globfree(&paths);
    }

    return found;
}


/* one random change: bytes set, put in, taken out, doubled, or cut off */
static inline size_t
recordings_mutate(char *buf, size_t len, size_t size, uint64_t *seed)
{
    char      c;
    size_t    at, n;
    uint64_t  dice;

    static const char  bytes[] = "{}[]\",:\\/0123456789.-+eEu tfnabc\n\t"
                                 "\x00\x01\x1f\x7f\x80\xbf\xc2\xe2\xed\xf0"
                                 "\xff";

    if (len == 0) {
        return 0;
    }

    dice = recordings_random(seed);
    at = recordings_random(seed) % len;
    c = bytes[recordings_random(seed) % (sizeof(bytes) - 1)];

    switch (dice % 6) {
    case 0:
        buf[at] = c;
        break;
    case 1:
        buf[at] ^= (char) (1 << (dice >> 8) % 8);
        break;
    case 2:
        memmove(buf + at, buf + at + 1, len - at - 1);
        len--;
        break;
    case 3:
        if (len < size) {
            memmove(buf + at + 1, buf + at, len - at);
            buf[at] = c;
            len++;
        }
        break;
    case 4:
        n = (dice >> 8) % 40;
        n = (n > len - at) ? len - at : n;

        if (len + n <= size) {
            memmove(buf + at + n, buf + at, len - at);
            len += n;
        }
        break;
    default:
        len = at;
    }

    return len;
}

#endif /* RECORDINGS_H */
