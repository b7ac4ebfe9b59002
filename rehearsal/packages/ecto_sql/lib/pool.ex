defmodule Ecto.Adapters.SQL.Pool do
  @moduledoc false
  # Sessions of one repository, handed out one caller at a time; and, for tests, owned by one test.

  use GenServer
  alias Postgrex.Connection

  defstruct [
    :opts,
    idle: [],
    waiting: :queue.new(),
    mode: :auto,
    owners: %{},
    allowed: %{},
    holders: %{},
    sandbox?: false
  ]

  # As the real one: PGPORT counts where a database is created, not here.
  def start_link(repo, opts), do: GenServer.start_link(__MODULE__, Keyword.put_new(opts, :port, 5432), name: repo)

  @doc "`{:ok, session, :plain | :owned}` or `{:error, exception}`."
  def checkout(repo) do
    callers = [self() | Process.get(:"$callers") || []]

    case GenServer.call(repo, {:checkout, callers}, 20_000) do
      {:ok, conn, kind} -> established(repo, conn, kind)
      error -> error
    end
  catch
    :exit, {:noproc, _} ->
      raise RuntimeError,
            "could not lookup Ecto repo #{inspect(repo)} because it was not started or it does not exist"

    :exit, {:timeout, _} ->
      dropped()
  end

  def checkin(repo, conn), do: GenServer.cast(repo, {:checkin, conn})
  def call(repo, request), do: GenServer.call(repo, request, 30_000)

  defp established(repo, conn, kind) do
    case Connection.ensure(conn) do
      :ok ->
        {:ok, conn, kind}

      {:error, _reason} ->
        checkin(repo, conn)
        dropped()
    end
  end

  defp dropped do
    text =
      "connection not available and request was dropped from queue after 100ms. " <>
        "This means requests are coming in and your connection pool cannot serve them fast enough."

    {:error, %DBConnection.ConnectionError{message: text}}
  end

  @impl true
  def init(opts) do
    idle =
      for _ <- 1..(opts[:pool_size] || 10) do
        {:ok, conn} = Connection.start_link(opts)
        conn
      end

    {:ok, %__MODULE__{opts: opts, idle: idle, sandbox?: opts[:pool] == Ecto.Adapters.SQL.Sandbox}}
  end

  @impl true
  def handle_call({:checkout, callers}, from, state) do
    case state.sandbox? && owned(state, callers) do
      conn when is_pid(conn) -> {:reply, {:ok, conn, :owned}, state}
      nil when state.mode != :auto -> {:reply, {:error, no_owner(hd(callers))}, state}
      _ -> plain(from, state)
    end
  end

  def handle_call({:own, pid}, _, %{idle: [conn | idle]} = state) do
    Process.monitor(pid)
    {:reply, {:ok, conn}, %{state | idle: idle, owners: Map.put(state.owners, pid, conn)}}
  end

  def handle_call({:own, _}, _, state), do: {:reply, {:error, :none_left}, state}
  def handle_call({:disown, pid}, _, state), do: {:reply, :ok, disown(state, pid)}
  def handle_call({:mode, mode}, _, state), do: {:reply, :ok, %{state | mode: mode}}

  def handle_call({:allow, owner, pid}, _, state),
    do: {:reply, :ok, %{state | allowed: Map.put(state.allowed, pid, owner)}}

  @impl true
  def handle_cast({:checkin, conn}, state), do: {:noreply, returned(state, conn)}

  @impl true
  def handle_info({:DOWN, ref, :process, pid, _}, state) do
    case Enum.find(state.holders, fn {_, held} -> held == ref end) do
      {conn, _} -> {:noreply, replaced(state, conn)}
      nil -> {:noreply, disown(state, pid)}
    end
  end

  def handle_info(_, state), do: {:noreply, state}

  defp plain({pid, _} = from, state) do
    case state.idle do
      [conn | idle] -> {:reply, {:ok, conn, :plain}, held(%{state | idle: idle}, conn, pid)}
      [] -> {:noreply, %{state | waiting: :queue.in(from, state.waiting)}}
    end
  end

  defp give(state, conn) do
    busy = Map.values(state.owners)

    cond do
      conn in busy ->
        state

      :queue.is_empty(state.waiting) ->
        %{state | idle: [conn | state.idle]}

      true ->
        {{:value, {pid, _} = from}, waiting} = :queue.out(state.waiting)
        GenServer.reply(from, {:ok, conn, :plain})
        held(%{state | waiting: waiting}, conn, pid)
    end
  end

  # Who was killed may have left its session in the middle of anything: another takes its place.
  defp replaced(state, conn) do
    Process.unlink(conn)
    Process.exit(conn, :kill)
    {:ok, fresh} = Connection.start_link(state.opts)
    give(%{state | holders: Map.delete(state.holders, conn)}, fresh)
  end

  defp held(state, conn, pid), do: %{state | holders: Map.put(state.holders, conn, Process.monitor(pid))}

  defp returned(state, conn) do
    case Map.pop(state.holders, conn) do
      {nil, _} ->
        state

      {ref, holders} ->
        Process.demonitor(ref, [:flush])
        give(%{state | holders: holders}, conn)
    end
  end

  defp owned(state, callers) do
    owner = Enum.find_value(callers, &((Map.has_key?(state.owners, &1) && &1) || state.allowed[&1]))
    shared = with {:shared, pid} <- state.mode, do: pid, else: (_ -> nil)
    state.owners[owner || shared]
  end

  defp disown(state, pid) do
    case Map.pop(state.owners, pid) do
      {nil, _} ->
        state

      {conn, owners} ->
        Connection.query(conn, "ROLLBACK", [])
        allowed = Map.reject(state.allowed, fn {_, owner} -> owner == pid end)
        mode = if state.mode == {:shared, pid}, do: :manual, else: state.mode
        give(%{state | owners: owners, allowed: allowed, mode: mode}, conn)
    end
  end

  defp no_owner(pid) do
    %DBConnection.OwnershipError{message: "cannot find ownership process for #{inspect(pid)}."}
  end
end

defmodule Ecto.Adapters.SQL.Sandbox do
  @moduledoc "Rehearsal stand-in: runs every test in a transaction that is rolled back."

  alias Ecto.Adapters.SQL.Pool

  def mode(repo, mode), do: Pool.call(repo, {:mode, mode})

  def checkout(repo, _opts \\ []) do
    {:ok, conn} = Pool.call(repo, {:own, self()})
    {:ok, _} = Postgrex.Connection.query(conn, "BEGIN", [])
    :ok
  end

  def checkin(repo, _opts \\ []), do: Pool.call(repo, {:disown, self()})
  def allow(repo, owner, pid, _opts \\ []), do: Pool.call(repo, {:allow, owner, pid})

  def start_owner!(repo, opts \\ []) do
    parent = self()

    {:ok, owner} =
      Agent.start(fn ->
        :ok = checkout(repo)
        if opts[:shared], do: mode(repo, {:shared, self()}), else: allow(repo, self(), parent)
        repo
      end)

    owner
  end

  def stop_owner(owner) do
    repo = Agent.get(owner, & &1)
    Pool.call(repo, {:disown, owner})
    Agent.stop(owner)
  end
end
