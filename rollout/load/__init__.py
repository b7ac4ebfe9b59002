"""Generates load on an HTTP server and records every request. It knows nothing of the application that it asks.

| module | |
|---|---|
| `profile` | what is requested: kinds of requests and of LiveView sessions, as data |
| `generator` | starts, marks and stops the generator; the process that calls it is another one |
| `records` | what became of each request and session |
| `schedule` | when the requests of a kind arrive |
| `worker` | the process of the generator: arrivals, requests in flight, sessions, its own lag |
| `requests`, `connection`, `wire` | one request over HTTP/1.1, on a kept or a fresh connection |
| `sessions`, `channel`, `liveview` | LiveView sessions that reconnect as a browser does, and their protocol |

The generator is open-loop: requests arrive on a schedule and do not wait for earlier answers. A closed-loop client
sends its next request after the last answer, so it hides the time in which the server did not answer at all.
"""
