# ngx_trading: one entry for humans and CI.  Everything is built into build/.
#
#   make            module and sidecars
#   make module     build/ngx_http_trading_module.so (dynamic, for NGINX_SRC)
#   make sidecars   build/marketd and build/tradingctl
#   make core       core/ alone, as strict C11
#   make unit       unit and property tests, built and run
#   make fuzz       fuzz targets (clang), each run for FUZZ_SECONDS
#   make docs       build/web/docs, the documentation pages (node 18, npm)
#   make bench      the figures of docs/performance.md (long)
#   make install    into DESTDIR/PREFIX
#
# SAN=1 builds all C with AddressSanitizer and UBSan into build/asan/.

CC          ?= gcc
PREFIX      ?= /usr
NGINX_SRC   ?= /usr/share/nginx/src
NGINX_FLAGS ?= $(shell sed -n 's/^NGX_CONF_FLAGS=( \(.*\) )/\1/p' \
                 $(NGINX_SRC)/conf_flags 2>/dev/null)
FUZZ_SECONDS ?= 20
ROOT        := $(CURDIR)

SAN         ?=
comma       := ,
B           := build$(if $(SAN),/asan)
SAN_FLAGS   := $(if $(SAN),-fsanitize=address$(comma)undefined \
                 -fno-sanitize-recover=all -fno-omit-frame-pointer)

WARN        := -Wall -Wextra -Werror -Wshadow -Wpointer-arith \
               -Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings \
               -Wvla -Wformat=2 -Wno-format-truncation
HARDEN      := -fstack-protector-strong -fPIC \
               $(if $(SAN),,-D_FORTIFY_SOURCE=2)
OPT         ?= -O2 -g
CORE_STD    := -std=c11 -ffp-contract=off
SIDE_STD    := -std=gnu11
CPPFLAGS    += -Icore -Isidecars/common -Isidecars/marketd
CFLAGS_ALL  := $(OPT) $(WARN) $(HARDEN) $(SAN_FLAGS) $(CFLAGS)
LDFLAGS_ALL := -Wl,-z,relro,-z,now -pie $(SAN_FLAGS) $(LDFLAGS)

CORE_SRC    := $(wildcard core/*.c)
COMMON_SRC  := $(wildcard sidecars/common/*.c)
LOOP_SRC    := sidecars/common/tsd_wake.c
MARKETD_SRC := $(wildcard sidecars/marketd/*.c)
CTL_SRC     := $(wildcard sidecars/tradingctl/*.c)
UNIT_SRC    := $(wildcard tests/unit/test_*.c)
FUZZ_SRC    := $(wildcard tests/fuzz/fuzz_*.c)
TOOL_SRC    := $(wildcard tests/tools/*.c)
BENCH_SRC   := $(wildcard bench/*.c)

obj          = $(patsubst %.c,$(B)/obj/%.o,$(1))
MARKETD_LIB := $(filter-out sidecars/marketd/main.c,$(MARKETD_SRC))
LIBTRD      := $(B)/libtrd.a
LIBMARKETD  := $(B)/libmarketd.a
SIDE_LIBS   := -levent -lcurl -lwslay -ljansson -lz -lzstd -lcrypto -lpthread -lm

.PHONY: all core sidecars module unit unit-bins tools fuzz fuzz-bins bench \
        bench-bins docs docs-npm install clean lint
.SECONDARY:

all: sidecars module

core: $(LIBTRD)
sidecars: $(B)/marketd $(B)/tradingctl
tools: $(patsubst tests/tools/%.c,$(B)/%,$(TOOL_SRC))
unit-bins: $(patsubst tests/unit/%.c,$(B)/unit/%,$(UNIT_SRC))
bench-bins: $(patsubst bench/%.c,$(B)/bench/%,$(BENCH_SRC))

$(B)/obj/core/%.o: core/%.c
	@mkdir -p $(@D)
	$(CC) $(CORE_STD) $(CFLAGS_ALL) $(CPPFLAGS) -MMD -MP -c -o $@ $<

$(B)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(SIDE_STD) $(CFLAGS_ALL) $(CPPFLAGS) -MMD -MP -c -o $@ $<

$(LIBTRD): $(call obj,$(CORE_SRC))
	@mkdir -p $(@D)
	@rm -f $@
	ar rcs $@ $^

$(LIBMARKETD): $(call obj,$(MARKETD_LIB) $(COMMON_SRC))
	@rm -f $@
	ar rcs $@ $^

$(B)/marketd: $(call obj,sidecars/marketd/main.c) $(LIBMARKETD) $(LIBTRD)
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(SIDE_LIBS)

# has no event loop
$(B)/tradingctl: $(call obj,$(CTL_SRC) $(filter-out $(LOOP_SRC),$(COMMON_SRC))) \
                 $(LIBTRD)
	$(CC) $(LDFLAGS_ALL) -o $@ $^ -lcurl -lz -lzstd -lcrypto -lpthread -lm

$(B)/%: $(B)/obj/tests/tools/%.o $(LIBMARKETD) $(LIBTRD)
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(SIDE_LIBS)

$(B)/unit/%: $(B)/obj/tests/unit/%.o $(LIBMARKETD) $(LIBTRD)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS_ALL) -o $@ $^ -lcmocka $(SIDE_LIBS)

$(B)/bench/%: $(B)/obj/bench/%.o $(LIBMARKETD) $(LIBTRD)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(SIDE_LIBS)

unit: unit-bins
	@for t in $(patsubst tests/unit/%.c,$(B)/unit/%,$(UNIT_SRC)); do \
	    echo "# $$t"; $$t || exit 1; done

# ---- nginx module: any nginx source tree, Debian's by default

MODULE_SRC  := $(wildcard ngx_trading_module/*.[ch]) config $(CORE_SRC) \
               $(wildcard core/*.h)
NGINX_TREE  := $(B)/nginx/$(notdir $(patsubst %/,%,$(NGINX_SRC)))

module: $(B)/ngx_http_trading_module.so

# configure writes into the tree that it runs in, so it runs in a copy
$(NGINX_TREE)/Makefile: $(NGINX_SRC)/configure config
	@mkdir -p $(NGINX_TREE)
	cp -r $(NGINX_SRC)/. $(NGINX_TREE)/
	cd $(NGINX_TREE) && ./configure $(NGINX_FLAGS) \
	    --with-cc='$(CC)' \
	    --with-cc-opt='$(OPT) $(HARDEN) $(SAN_FLAGS)' \
	    --with-ld-opt='-Wl,-z,relro,-z,now $(SAN_FLAGS)' \
	    --add-dynamic-module=$(ROOT) > configure.log 2>&1 \
	    || { tail -20 configure.log; exit 1; }

$(B)/ngx_http_trading_module.so: $(NGINX_TREE)/Makefile $(MODULE_SRC)
	$(MAKE) -C $(NGINX_TREE) -f objs/Makefile modules > $(B)/module.log 2>&1 \
	    || { grep -E -A5 'error|warning' $(B)/module.log || cat $(B)/module.log; exit 1; }
	cp $(NGINX_TREE)/objs/ngx_http_trading_module.so $@

# ---- fuzzing: libFuzzer, each target with its corpus

FUZZ_FLAGS  := -g -O1 -fsanitize=address,undefined \
               -fno-sanitize-recover=all -fno-omit-frame-pointer
FUZZ_BINS   := $(patsubst tests/fuzz/%.c,build/fuzz/%,$(FUZZ_SRC))
FUZZ_LIB    := build/fuzz/libfuzzed.a
fuzz_obj     = $(patsubst %.c,build/fuzz/obj/%.o,$(1))

fuzz-bins: $(FUZZ_BINS)

build/fuzz/obj/core/%.o: core/%.c
	@mkdir -p $(@D)
	clang $(CORE_STD) -fsanitize=fuzzer-no-link $(FUZZ_FLAGS) $(CPPFLAGS) \
	    -MMD -MP -c -o $@ $<

build/fuzz/obj/sidecars/%.o: sidecars/%.c
	@mkdir -p $(@D)
	clang $(SIDE_STD) -fsanitize=fuzzer-no-link $(FUZZ_FLAGS) $(CPPFLAGS) \
	    -MMD -MP -c -o $@ $<

$(FUZZ_LIB): $(call fuzz_obj,$(CORE_SRC) $(MARKETD_LIB) $(COMMON_SRC))
	@mkdir -p $(@D)
	@rm -f $@
	ar rcs $@ $^

# a target takes of the library what it needs, of the daemon's or core's alone
build/fuzz/%: tests/fuzz/%.c $(FUZZ_LIB)
	@mkdir -p $(@D)
	clang $(SIDE_STD) -D_GNU_SOURCE -fsanitize=fuzzer $(FUZZ_FLAGS) \
	    $(CPPFLAGS) -MMD -MP -MF build/fuzz/obj/$(@F).d -o $@ $< \
	    $(FUZZ_LIB) $(SIDE_LIBS)

# new finds go to build/, never into the kept corpus
fuzz: fuzz-bins
	@for f in $(FUZZ_BINS); do \
	    n=$$(basename $$f); mkdir -p build/fuzz/found/$$n; \
	    echo "# $$n for $(FUZZ_SECONDS) s"; \
	    $$f -max_total_time=$(FUZZ_SECONDS) -max_len=65536 -verbosity=0 \
	        -print_final_stats=1 -artifact_prefix=build/fuzz/$$n- \
	        build/fuzz/found/$$n tests/fuzz/corpus/$$n || exit 1; done

bench: all tools bench-bins
	bench/run

install: all
	install -d $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)$(PREFIX)/lib/nginx/modules \
	    $(DESTDIR)/etc/trading
	install -d $(DESTDIR)$(PREFIX)/bin
	install -m 755 $(B)/marketd $(DESTDIR)$(PREFIX)/sbin/
	install -m 755 $(B)/tradingctl $(DESTDIR)$(PREFIX)/bin/
	install -m 644 $(B)/ngx_http_trading_module.so \
	    $(DESTDIR)$(PREFIX)/lib/nginx/modules/
	install -m 644 instruments.json $(DESTDIR)/etc/trading/
	install -m 644 nginx.conf.example $(DESTDIR)/etc/trading/
	install -d $(DESTDIR)$(PREFIX)/share/trading/demo/lib
	install -m 644 web/stream/* $(DESTDIR)$(PREFIX)/share/trading/demo/
	install -m 644 web/lib/*.js $(DESTDIR)$(PREFIX)/share/trading/demo/lib/
	for d in market trading openapi; do \
	    install -d $(DESTDIR)$(PREFIX)/share/trading/docs/$$d && \
	    install -m 644 docs/openapi/$$d.json \
	        $(DESTDIR)$(PREFIX)/share/trading/docs/$$d/openapi.json \
	        || exit 1; done
	[ ! -e build/web/docs/.built ] || \
	    cp -r build/web/docs/. $(DESTDIR)$(PREFIX)/share/trading/docs/

# ---- documentation pages: npm packages as web/docs pins them, put together

DOCS_NPM    := build/web/npm
DOCS_SRC    := $(wildcard web/docs/*) $(wildcard docs/openapi/*.json)

docs: build/web/docs/.built
docs-npm: $(DOCS_NPM)/.installed

$(DOCS_NPM)/.installed: web/docs/package.json web/docs/package-lock.json
	@mkdir -p $(DOCS_NPM)
	cp web/docs/package.json web/docs/package-lock.json web/docs/.npmrc \
	    $(DOCS_NPM)/
	cd $(DOCS_NPM) && npm ci --no-progress
	@touch $@

build/web/docs/.built: $(DOCS_NPM)/.installed $(DOCS_SRC)
	node web/docs/build.mjs $(DOCS_NPM)/node_modules docs/openapi $(@D)
	@touch $@

lint:
	util/lint

clean:
	rm -rf build

-include $(shell find $(B)/obj build/fuzz/obj -name '*.d' 2>/dev/null)
