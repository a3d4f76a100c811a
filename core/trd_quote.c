/*
 * Copyright (C) the ngx_trading authors
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Names of asset classes and sources as they stand on the wire.
 */

#include <stddef.h>

#include "trd_quote.h"


static const char *const  trd_class_names[TRD_CLASS_N] = {
    "CRYPTO", "FOREX", "METALS", "COMMODITIES"
};

static const char *const  trd_source_names[TRD_SOURCE_N] = {
    "none", "simulator", "binance", "forex", "metals", "replay"
};

static const char *const  trd_derived_suffixes[TRD_DERIVED_N] = {
    "", "-inverse", "-cross"
};


const char *
trd_class_name(unsigned asset_class)
{
    return asset_class < TRD_CLASS_N ? trd_class_names[asset_class] : NULL;
}


const char *
trd_source_name(unsigned source)
{
    return source < TRD_SOURCE_N ? trd_source_names[source] : NULL;
}


const char *
trd_derived_suffix(unsigned derived)
{
    return derived < TRD_DERIVED_N ? trd_derived_suffixes[derived] : "";
}


int
trd_source_simulated(unsigned source)
{
    return source == TRD_SOURCE_SIMULATOR || source == TRD_SOURCE_REPLAY;
}
