defmodule Postgrex.Connection do
  @moduledoc false

  use GenServer
  require Logger
  alias Postgrex.Protocol

  def start_link(opts), do: GenServer.start_link(__MODULE__, opts)
  def query(pid, sql, params), do: GenServer.call(pid, {:query, sql, params}, 65_000)
  def close(pid), do: GenServer.stop(pid)

  @doc "Makes sure there is a session with the server: `:ok` or `{:error, exception}`."
  def ensure(pid), do: GenServer.call(pid, :ensure, 65_000)

  @impl true
  def init(opts), do: {:ok, {opts, nil}}

  @impl true
  def handle_call(:ensure, _, state) do
    case connected(state) do
      {:ok, state} -> {:reply, :ok, state}
      {:error, error, state} -> {:reply, {:error, error}, state}
    end
  end

  def handle_call({:query, sql, params}, _, state) do
    with {:ok, {opts, protocol}} <- connected(state) do
      case Protocol.query(protocol, sql, params) do
        {:ok, result, protocol} -> {:reply, {:ok, result}, {opts, protocol}}
        {:error, error, protocol} -> {:reply, {:error, error}, after_error(opts, protocol, error)}
        {:lost, error} -> {:reply, {:error, error}, lost(opts, protocol)}
      end
    else
      {:error, error, state} -> {:reply, {:error, error}, state}
    end
  end

  @impl true
  def terminate(_, {_, nil}), do: :ok
  def terminate(_, {_, protocol}), do: Protocol.close(protocol)

  defp connected({opts, nil}) do
    case Protocol.connect(opts) do
      {:ok, protocol} ->
        {:ok, {opts, protocol}}

      {:error, error} ->
        kind = inspect(error.__struct__)
        told = "** (#{kind}) #{Exception.message(error)}"
        Logger.error("Postgrex.Protocol (#{inspect(self())}) failed to connect: #{told}")
        {:error, error, {opts, nil}}
    end
  end

  # A session that the server has ended while idle is opened again, once, as a pool would have done meanwhile.
  defp connected({opts, protocol} = state) do
    case :gen_tcp.recv(protocol.socket, 0, 0) do
      {:error, :timeout} -> {:ok, state}
      _ -> opts |> lost(protocol) |> connected()
    end
  end

  defp after_error(opts, protocol, %Postgrex.Error{postgres: %{severity: "FATAL"}}), do: lost(opts, protocol)
  defp after_error(opts, protocol, _), do: {opts, protocol}

  defp lost(opts, protocol) do
    Logger.error(
      "Postgrex.Protocol (#{inspect(self())}) disconnected: ** (DBConnection.ConnectionError) tcp recv (idle): closed"
    )

    :gen_tcp.close(protocol.socket)
    {opts, nil}
  end
end
