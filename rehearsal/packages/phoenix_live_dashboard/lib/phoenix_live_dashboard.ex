defmodule Phoenix.LiveDashboard.Router do
  @moduledoc "Rehearsal stand-in: a dashboard with only a title."

  defmacro live_dashboard(path, opts \\ []) do
    quote do
      Phoenix.Router.__add__(__MODULE__, :get, unquote(path), Phoenix.LiveDashboard.Page, unquote(opts), alias: false)

      Phoenix.Router.__add__(__MODULE__, :get, unquote(path) <> "/home", Phoenix.LiveDashboard.Page, unquote(opts),
        alias: false
      )
    end
  end
end

defmodule Phoenix.LiveDashboard.Page do
  @moduledoc false
  @behaviour Plug

  @impl true
  def init(opts), do: opts
  @impl true
  def call(conn, _),
    do:
      Phoenix.Controller.html(conn, "<!DOCTYPE html><title>Phoenix LiveDashboard</title><h1>Phoenix LiveDashboard</h1>")
end

defmodule Phoenix.LiveDashboard.RequestLogger do
  @moduledoc false
  @behaviour Plug

  @impl true
  def init(opts), do: opts
  @impl true
  def call(conn, _), do: conn
end
