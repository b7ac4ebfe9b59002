defmodule XavosWeb.SecureHeaders do
  @moduledoc """
  Sets the content security policy: no resources from other hosts, no scripts but our files and those with the nonce
  of the response (`@csp_nonce`), no frames. It comes after `put_secure_browser_headers`.
  """
  @behaviour Plug

  import Plug.Conn

  @impl true
  def init(options), do: options

  @impl true
  def call(conn, _options) do
    nonce = 18 |> :crypto.strong_rand_bytes() |> Base.url_encode64()

    conn
    |> assign(:csp_nonce, nonce)
    |> merge_resp_headers([
      {"content-security-policy", policy(nonce)},
      {"permissions-policy", "camera=(), geolocation=(), microphone=()"},
      {"referrer-policy", "strict-origin-when-cross-origin"},
      {"x-frame-options", "DENY"}
    ])
  end

  # Styles in attributes are how bars get their widths.
  defp policy(nonce) do
    "default-src 'self'; script-src 'self' 'nonce-#{nonce}'; style-src 'self' 'unsafe-inline'; " <>
      "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'self'; " <>
      "form-action 'self'; frame-ancestors 'none'"
  end
end
