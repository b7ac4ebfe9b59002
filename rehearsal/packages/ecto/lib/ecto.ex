defmodule Ecto do
  @moduledoc "Rehearsal stand-in: repositories, types and changesets that the stand-in of Ash needs."
end

defmodule Ecto.UUID do
  @moduledoc false

  def generate, do: bingenerate() |> load!()

  def bingenerate do
    <<a::48, _::4, b::12, _::2, c::62>> = :crypto.strong_rand_bytes(16)
    <<a::48, 4::4, b::12, 2::2, c::62>>
  end

  def cast(<<_::binary-16>> = raw), do: load(raw)

  def cast(text) when is_binary(text) do
    with {:ok, raw} <- dump(text), do: load(raw)
  end

  def cast(_), do: :error

  def dump(text) when is_binary(text) do
    if text =~ ~r/^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$/ do
      text |> String.replace("-", "") |> Base.decode16(case: :mixed)
    else
      :error
    end
  end

  def dump!(text) do
    {:ok, raw} = dump(text)
    raw
  end

  def load(<<raw::binary-16>>) do
    <<a::binary-8, b::binary-4, c::binary-4, d::binary-4, e::binary-12>> = Base.encode16(raw, case: :lower)
    {:ok, Enum.join([a, b, c, d, e], "-")}
  end

  def load!(raw) do
    {:ok, text} = load(raw)
    text
  end
end

defmodule Ecto.Changeset do
  @moduledoc false

  defstruct valid?: true, data: nil, params: %{}, changes: %{}, errors: [], action: nil, types: %{}

  def change(data, changes \\ %{}), do: %__MODULE__{data: data, changes: Map.new(changes)}

  def add_error(changeset, key, text, opts \\ []),
    do: %{changeset | valid?: false, errors: [{key, {text, opts}} | changeset.errors]}

  def traverse_errors(%{errors: errors}, fun) do
    Enum.reduce(errors, %{}, fn {key, error}, acc ->
      Map.update(acc, key, [fun.(error)], &[fun.(error) | &1])
    end)
  end
end

defmodule Ecto.Query do
  @moduledoc false

  defmacro from(source, _opts \\ []), do: source
end

defmodule Ecto.Type do
  @moduledoc false

  @callback type() :: term()
  @callback cast(term()) :: {:ok, term()} | :error
  @callback load(term()) :: {:ok, term()} | :error
  @callback dump(term()) :: {:ok, term()} | :error

  defmacro __using__(_), do: quote(do: @behaviour(Ecto.Type))
end

defmodule Ecto.Repo do
  @moduledoc false

  defmacro __using__(opts) do
    quote bind_quoted: [opts: opts] do
      @otp_app Keyword.fetch!(opts, :otp_app)
      @adapter opts[:adapter] || Ecto.Adapters.Postgres

      def __adapter__, do: @adapter

      def config do
        {:ok, config} = Ecto.Repo.config(:supervisor, __MODULE__, @otp_app, [])
        config
      end

      def init(_kind, config), do: {:ok, config}
      defoverridable init: 2

      def child_spec(opts), do: %{id: __MODULE__, start: {__MODULE__, :start_link, [opts]}, type: :supervisor}

      def start_link(opts \\ []) do
        {:ok, config} = Ecto.Repo.config(:runtime, __MODULE__, @otp_app, opts)
        @adapter.start_pool(__MODULE__, config)
      end

      def stop(_timeout \\ 5000), do: GenServer.stop(__MODULE__)
      def get_dynamic_repo, do: __MODULE__
      def put_dynamic_repo(_), do: __MODULE__
      def query(sql, params \\ [], opts \\ []), do: @adapter.query(__MODULE__, sql, params, opts)
      def transaction(fun, opts \\ []), do: @adapter.transaction(__MODULE__, fun, opts)
      def transact(fun, opts \\ []), do: @adapter.transact(__MODULE__, fun, opts)
      def rollback(value), do: throw({:rollback, __MODULE__, value})
      def in_transaction?, do: @adapter.in_transaction?(__MODULE__)

      def query!(sql, params \\ [], opts \\ []) do
        case query(sql, params, opts) do
          {:ok, result} -> result
          {:error, error} -> raise error
        end
      end
    end
  end

  @callback config() :: keyword()

  def config(kind, repo, otp_app, opts) do
    config = otp_app |> Application.get_env(repo, []) |> Keyword.merge(opts)
    {:ok, config} = repo.init(kind, config)
    {url, config} = Keyword.pop(config, :url)
    {:ok, [otp_app: otp_app] ++ Keyword.merge(config, parse_url(url))}
  end

  @doc false
  def parse_url(nil), do: []
  def parse_url(""), do: []

  def parse_url(url) do
    uri = URI.parse(url)
    [user | password] = String.split(uri.userinfo || "", ":", parts: 2)

    unless uri.path && uri.path != "/" do
      raise Ecto.InvalidURLError, message: "invalid URL #{url}, path should be a database name"
    end

    extra = for {key, value} <- URI.decode_query(uri.query || ""), do: {String.to_atom(key), integer(value)}

    [
      username: user != "" && URI.decode(user),
      password: password != [] && URI.decode(hd(password)),
      database: uri.path |> String.trim_leading("/") |> URI.decode(),
      hostname: uri.host,
      port: uri.port
    ]
    |> Enum.filter(&elem(&1, 1))
    |> Keyword.merge(extra)
  end

  defp integer(text), do: with({number, ""} <- Integer.parse(text), do: number, else: (_ -> text))
end

defmodule Ecto.InvalidURLError do
  defexception [:message]
end
