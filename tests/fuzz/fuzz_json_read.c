/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Any bytes into the JSON reader: it must agree with jansson about whether
 * they are JSON and what they say, but for the differences that
 * tests/unit/json_oracle.h names.
 */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "../unit/json_oracle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int          valid;
    const char  *why;

    if (size == 0) {
        return 0;               /* data may be NULL then */
    }

    why = json_oracle_compare((const char *) data, size, &valid);

    if (why != NULL) {
        fprintf(stderr, "%s\n", why);
        abort();
    }

    return 0;
}
