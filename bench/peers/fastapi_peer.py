#!/usr/bin/python3
"""The usual stack, for comparison: FastAPI serving a quote out of Redis.

One uvicorn worker, the Redis client's connection pool and hiredis parser;
the quote is stored as the JSON text that is served, so that Python does not
even encode it.  Run by bench/run behind the same nginx.
"""
import os

import redis.asyncio as redis
import uvicorn
from fastapi import FastAPI, Response

app = FastAPI()
store = redis.Redis(unix_socket_path=os.environ["PEER_REDIS"])


@app.get("/market/prices/{symbol}")
async def price(symbol: str) -> Response:
    body = await store.get("quote:" + symbol.upper())
    if body is None:
        return Response(status_code=404)
    return Response(content=body, media_type="application/json")


if __name__ == "__main__":
    uvicorn.run(app, uds=os.environ["PEER_SOCKET"], log_level="error",
                access_log=False)
