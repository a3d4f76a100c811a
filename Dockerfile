# Builds and runs ngx_trading: nginx with the module, and marketd, under the
# same supervisor that deploy.sh uses everywhere.
#
#     docker build -t ngx_trading .
#     docker run --rm -p 8080:8080 ngx_trading
#
# Any setting of .env.example goes in with -e, such as -e TRADING_SOURCE=live.

FROM debian:12-slim AS build

RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y \
        --no-install-recommends \
        gcc libc6-dev make nginx nginx-dev libevent-dev \
        libcurl4-openssl-dev libwslay-dev libjansson-dev zlib1g-dev \
        libzstd-dev libssl-dev libxxhash-dev libpcre2-dev \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /src
COPY Makefile config instruments.json nginx.conf.example ./
COPY core core
COPY sidecars sidecars
COPY ngx_trading_module ngx_trading_module
RUN make -j"$(nproc)" build/marketd build/ngx_http_trading_module.so \
    && strip --strip-unneeded build/marketd build/ngx_http_trading_module.so


# the documentation pages
FROM debian:12-slim AS docs

RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y \
        --no-install-recommends make npm ca-certificates \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /src
COPY Makefile ./
COPY web/docs web/docs
COPY docs/openapi docs/openapi
RUN make docs


FROM debian:12-slim

RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y \
        --no-install-recommends \
        nginx runit curl ca-certificates libevent-2.1-7 libcurl4 \
        libwslay1 libjansson4 zlib1g libzstd1 libssl3 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --home-dir /var/lib/trading --create-home \
        --shell /usr/sbin/nologin trading

WORKDIR /opt/trading
COPY deploy.sh nginx.conf.example instruments.json .env.example ./
COPY deploy deploy
COPY docs/openapi docs/openapi
COPY web/stream web/stream
COPY web/lib web/lib
COPY --from=docs /src/build/web/docs build/web/docs
COPY --from=build /src/build/marketd build/marketd
COPY --from=build /src/build/ngx_http_trading_module.so \
    build/ngx_http_trading_module.so

# Without a Makefile deploy.sh builds nothing, without root it installs
# nothing.  The board needs a tmpfs: Docker's /dev/shm is one.
ENV TRADING_STATE_DIR=/var/lib/trading TRADING_PORT=8080
USER trading
VOLUME /var/lib/trading
EXPOSE 8080

HEALTHCHECK --interval=5s --timeout=2s --start-period=15s --retries=3 \
    CMD curl -q --noproxy '*' -fsS -o /dev/null \
        "http://127.0.0.1:${TRADING_PORT}/health/ready" || exit 1

STOPSIGNAL SIGTERM
ENTRYPOINT ["/opt/trading/deploy.sh"]
CMD ["up", "--foreground"]
