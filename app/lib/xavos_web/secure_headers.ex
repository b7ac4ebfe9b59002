defmodule XavosWeb.SecureHeaders do
  @moduledoc """
  What a browser may do with our pages: nothing comes from elsewhere, nothing runs that is not a file of ours or carries
  this answer's nonce (`@csp_nonce`), nobody puts us into a frame. Comes after `put_secure_browser_headers`.
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
