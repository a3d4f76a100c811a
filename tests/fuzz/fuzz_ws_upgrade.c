/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Any bytes as the answer to a WebSocket handshake.  Taken is only a 101 that
 * has the one right Sec-WebSocket-Accept; all else says why, and no wait is
 * longer than is kept to.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ws_upgrade.h"

#define KEY     "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT  "s3pPLBMiTxaQ9kYGzzhZRbK+xOo="          /* RFC 6455, 1.3 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
check(int ok)
{
    if (!ok) {
        abort();
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int           rc;
    ws_upgrade_t  out;

    rc = ws_upgrade_answer((const char *) data, size, KEY, &out);

    check(rc == 0 || rc == -1);
    check((rc == 0) == (out.why == NULL));
    check(out.status == 0 || (out.status >= 100 && out.status <= 999));
    check(out.retry_after_ms >= -1);

    if (rc == 0) {
        check(out.status == 101);
        check(memcmp(data, "HTTP/1.1 101", 12) == 0);
        check(memmem(data, size, ACCEPT, sizeof(ACCEPT) - 1) != NULL);
    }

    return 0;
}
