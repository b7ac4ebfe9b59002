"""Signs (output patterns) of network errors: servers that do not answer, or answer with an error."""

# ruff: noqa: E501 - texts as they are printed

from __future__ import annotations

from rollout.diagnosis.signs.sign import signs

# Clients that ask this machine itself do not ask a registry.
LOCAL = signs(
    "server_unreachable",
    r"curl: \(\d+\) .*(?:localhost|127\.0\.0\.1|\[::1\]).*",
    r"\bnodedown\b|\(EXIT\) no ?connection|not been booted with systemd.*|[Ff]ailed to connect to bus\b.*",
    r"^.*(?:localhost|127\.0\.0\.1)[^\n]*\n(?:[^\n]*\n)?curl: \(22\).*",
    r"^(?!npm)(?!.*\b5432\b).*(?:localhost|127\.0\.0\.1|\[::1\]|\b::1):\d+\b.*(?:[Cc]onnection refused|ECONNREFUSED|econnrefused)|register/listen error|(?:[Cc]onnection refused|ECONNREFUSED) (?:127\.0\.0\.1|::1|localhost):(?!5432\b)\d+$",
    r"(?:Connecting to|connect to) (?:localhost|127\.0\.0\.1|\[?::1\]?)\b.*(?:refused|failed)",
)
_BUSY = signs(
    "registry_error",
    r"Request failed \((?:3\d\d|429|5\d\d)\)|curl: \(33\)|File has unexpected size|\bHTTP(?:/\d\S*)?(?: status| error| code)?:? (?:429|5\d\d)\b|returned error: (?:429|5\d\d)\b|bad_status_code, (?:429|5\d\d)|HTTP/\d\.\d\", (?:429|5\d\d)\b|\bcode E(?:429|5\d\d)\b",
    r"toomanyrequests|pull rate limit|API rate limit exceeded|(?i:rate[- ]limit(?:ed| exceeded)|too many requests)",
    r"\b50[0234] +(?:Bad Gateway|Service (?:Temporarily )?Unavailable|Internal Server Error|Gateway Time-?out)|unexpected (?:HTTP )?status(?: code)?:? (?:from .*)?5\d\d|ERROR 5\d\d:|responded with (?:a )?5\d\d",
    r"remote: Internal Server Error|remote: .*(?:temporarily|currently) unavailable",
)
_SILENT = signs(
    "registry_unreachable",
    r"[Cc]ould(?: not|n't) fetch (?:\w+ from )?https?://(?!.*\b404\b)|:server_closed\b",
    r"failed_connect|httpc request failed with: :\w+|:socket_closed(?:_remotely)?|Request failed \(:(?!not_found)\w+\)|Failed to fetch .*\n.*:(?:timeout|nxdomain|econnrefused|closed)",
    r"[Cc]ould(?: not|n't) resolve (?:host|proxy)|[Tt]emporary failure (?:in name resolution|resolving)|[Nn]ame or service not known|nodename nor servname|[Nn]o address associated with hostname|Could not resolve '|unable to resolve (?:host )?address|server misbehaving|no such host|NXDOMAIN|SERVFAIL|bad address '",
    r"unable to access 'http|Failed to connect to|[Cc]ould(?: not|n't) connect to|[Uu]nable to connect to (?!Podman)|ssh: connect to host|[Cc]onnection (?:closed|reset) by (?:remote host|peer|\S+ port)|kex_exchange_identification",
    r"\bENOTFOUND\b|\bEAI_AGAIN\b|\bECONNREFUSED\b|\bECONNRESET\b|\bETIMEDOUT\b|\bENETUNREACH\b|\bEHOSTUNREACH\b|ERR_SOCKET_TIMEOUT|\bEIDLETIMEOUT\b|\bEPIPE\b.*network|FETCH_ERROR|socket hang up|network socket disconnected|UND_ERR_\w+TIMEOUT",
    r":nxdomain\b|:econnrefused\b|:ehostunreach\b|:enetunreach\b|:econnreset\b|:etimedout\b|%(?:Mint|Req|Finch)\.TransportError|TransportError\)",
    r"[Nn]etwork is (?:unreachable|down)|[Nn]o route to host|[Cc]onnection (?:refused|timed out|reset)|[Oo]peration timed out|[Rr]ead timed out|[Cc]onnect(?:ion)? timeout",
    r"dial tcp.*|TLS handshake timeout|i/o timeout|request canceled while waiting|Client\.Timeout exceeded|proxyconnect tcp",
    r"early EOF|unexpected disconnect|RPC failed; (?:curl|HTTP)|[Rr]emote end hung up unexpectedly|transfer closed with|[Ee]mpty reply from server|Recv failure|curl: \((?:5|6|7|16|18|28|35|52|55|56|92)\)|unexpected eof while reading",
    r"gnutls_handshake\(\) failed|SSL_ERROR_SYSCALL|SSL_connect|wrong version number|ERR_SSL_\w+|handshake[_ ]failure|Handshake Failure|TLS client: In state|unable to establish SSL connection",
)
SIGNS = (*_BUSY, *_SILENT)
