defmodule XavosWeb.PlainAssets do
  @moduledoc """
  Serves the JavaScript that Phoenix and LiveView ship, as modules below `/assets/vendor`.

  It takes the place of a bundler where esbuild and tailwind cannot be had: the root layout's import map names
  these modules, `priv/static/assets/js/app.js` imports them.
  """
  use Plug.Builder

  plug Plug.Static, at: "/assets/vendor", from: {:phoenix, "priv/static"}, only: ~w(phoenix.mjs)

  plug Plug.Static,
    at: "/assets/vendor",
    from: {:phoenix_html, "priv/static"},
    only: ~w(phoenix_html.js)

  plug Plug.Static,
    at: "/assets/vendor",
    from: {:phoenix_live_view, "priv/static"},
    only: ~w(phoenix_live_view.esm.js)
end
