defmodule Xavos.Draining do
  @moduledoc """
  Delays the end of a server, so that a proxy can take it out of service first.

  After SIGTERM `/health/ready` answers 503 at once, while the server goes on accepting and answering requests for
  `DRAIN_SECONDS`. Then the endpoint ends: live pages connect elsewhere, no connection is accepted, requests in flight
  have `SHUTDOWN_SECONDS`. Jobs end after them.

  This process is the last child of the application's supervisor, so it is the first to be ended.
  """
  use GenServer

  require Logger

  @flag {__MODULE__, :draining?}

  # Milliseconds above those of draining, before the supervisor gives up on this process.
  @margin 5_000

  @doc "Options, by default from the configuration: `:seconds`, and `:stopping?`, which says whether the VM is ending."
  def child_spec(options) do
    options = Keyword.merge(Application.get_env(:xavos, __MODULE__, []), options)
    shutdown = Keyword.get(options, :seconds, 0) * 1_000 + @margin
    %{id: __MODULE__, start: {__MODULE__, :start_link, [options]}, shutdown: shutdown}
  end

  def start_link(options), do: GenServer.start_link(__MODULE__, options)

  @doc "Whether this server is about to end, and should get no more requests."
  @spec draining?() :: boolean
  def draining?, do: :persistent_term.get(@flag, false)

  @impl true
  def init(options) do
    Process.flag(:trap_exit, true)
    :persistent_term.put(@flag, false)
    {:ok, options}
  end

  @impl true
  def terminate(_reason, options) do
    stopping? = Keyword.get(options, :stopping?, &stopping?/0)
    if stopping?.(), do: drain(Keyword.get(options, :seconds, 0))
  end

  defp drain(seconds) do
    :persistent_term.put(@flag, true)
    # Not waited for: the database may be what is wrong.
    Task.start(&Xavos.Jobs.pause/0)

    if serving?() and seconds > 0 do
      Logger.notice("XAVOS is ending: not ready any more, serving for another #{seconds} s.")
      Process.sleep(seconds * 1_000)
    end
  end

  # A supervisor that gives up on a child must not wait.
  defp stopping?, do: match?({:stopping, _}, :init.get_status())

  defp serving?, do: XavosWeb.Endpoint.config(:server, false)
end
