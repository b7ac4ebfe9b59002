// Served as it is; the names are resolved by the import map of the root layout.
import "phoenix_html"
import {Socket} from "phoenix"
import {LiveSocket} from "phoenix_live_view"

const csrfToken = document.querySelector("meta[name='csrf-token']").getAttribute("content")

const liveSocket = new LiveSocket("/live", Socket, {
  longPollFallbackMs: 2500,
  params: {_csrf_token: csrfToken},
})

liveSocket.connect()

// In the browser's console: liveSocket.enableDebug(), liveSocket.enableLatencySim(1000)
window.liveSocket = liveSocket
