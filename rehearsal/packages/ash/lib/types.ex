defmodule Ash.Type do
  @moduledoc "Rehearsal stand-in: types: casting, storing and loading values."

  @callback cast_input(term(), keyword()) :: {:ok, term()} | :error | {:error, term()}
  @callback storage_type(keyword()) :: atom()
  @callback dump(term()) :: term()
  @callback load(term(), keyword()) :: term()
  @optional_callbacks storage_type: 1, dump: 1, load: 2

  @names %{
    string: Ash.Type.String,
    ci_string: Ash.Type.CiString,
    atom: Ash.Type.Atom,
    integer: Ash.Type.Integer,
    boolean: Ash.Type.Boolean,
    uuid: Ash.Type.UUID,
    uuid_v7: Ash.Type.UUID,
    map: Ash.Type.Map,
    float: Ash.Type.Float,
    decimal: Ash.Type.Decimal,
    date: Ash.Type.Date,
    utc_datetime: Ash.Type.UtcDatetime,
    utc_datetime_usec: Ash.Type.UtcDatetimeUsec,
    datetime: Ash.Type.UtcDatetime
  }

  defmacro __using__(_), do: quote(do: @behaviour(Ash.Type))

  def get_type({:array, type}), do: {:array, get_type(type)}
  def get_type(name), do: Map.get(@names, name, name)

  @doc "`{:ok, value}` or `{:error, what is wrong}`; nil passes."
  def cast(_, nil, _), do: {:ok, nil}

  def cast({:array, type}, values, constraints) when is_list(values) do
    Enum.reduce_while(values, {:ok, []}, fn value, {:ok, done} ->
      case cast(type, value, constraints[:items] || []) do
        {:ok, value} -> {:cont, {:ok, done ++ [value]}}
        error -> {:halt, error}
      end
    end)
  end

  def cast(type, value, constraints) do
    type = get_type(type)
    Code.ensure_loaded!(type)
    base = if function_exported?(type, :subtype_constraints, 0), do: type.subtype_constraints(), else: []
    constraints = Keyword.merge(base, constraints)

    case type.cast_input(value, constraints) do
      {:ok, value} -> check(value, constraints)
      {:error, message} when is_binary(message) -> {:error, message}
      _ -> {:error, "is invalid"}
    end
  end

  def storage(type) do
    case get_type(type) do
      {:array, type} -> {:array, storage(type)}
      type -> type.storage_type([])
    end
  end

  def dump(_, nil), do: nil
  def dump({:array, type}, values), do: Enum.map(values, &dump(type, &1))
  def dump(type, value), do: get_type(type).dump(value)

  def load(_, nil, _), do: nil
  def load({:array, type}, values, constraints), do: Enum.map(values, &load(type, &1, constraints))
  def load(type, value, constraints), do: get_type(type).load(value, constraints)

  defp check(value, constraints) do
    Enum.find_value(constraints, {:ok, value}, fn {name, limit} ->
      message = broken(name, limit, value)
      message && {:error, message}
    end)
  end

  defp broken(:max_length, limit, value) when is_binary(value),
    do: String.length(value) > limit && "length must be less than or equal to #{limit}"

  defp broken(:min_length, limit, value) when is_binary(value),
    do: String.length(value) < limit && "length must be greater than or equal to #{limit}"

  defp broken(:match, regex, value) when is_binary(value),
    do: not Regex.match?(regex, value) && "must match the pattern #{inspect(regex)}"

  defp broken(:one_of, known, value),
    do: value not in known && "atom must be one of \"#{Enum.join(known, ", ")}\", got: #{inspect(value)}"

  defp broken(:min, limit, value) when is_number(value),
    do: value < limit && "must be greater than or equal to #{limit}"

  defp broken(:max, limit, value) when is_number(value), do: value > limit && "must be less than or equal to #{limit}"
  defp broken(_, _, _), do: nil
end

defmodule Ash.Type.NewType do
  @moduledoc false

  defmacro __using__(opts) do
    quote do
      @behaviour Ash.Type
      @rehearsal_base Ash.Type.get_type(unquote(opts[:subtype_of]))

      def subtype_constraints, do: unquote(opts[:constraints] || [])
      @impl true
      def cast_input(value, constraints), do: @rehearsal_base.cast_input(value, constraints)
      @impl true
      def storage_type(constraints), do: @rehearsal_base.storage_type(constraints)
      @impl true
      def dump(value), do: @rehearsal_base.dump(value)
      @impl true
      def load(value, constraints), do: @rehearsal_base.load(value, constraints)
      defoverridable cast_input: 2, storage_type: 1, dump: 1, load: 2
    end
  end
end

defmodule Ash.Type.Enum do
  @moduledoc false

  defmacro __using__(opts) do
    quote do
      @behaviour Ash.Type
      def values, do: unquote(opts[:values])
      @impl true
      def cast_input(value, _), do: Ash.Type.Atom.cast_input(value, one_of: values())
      def subtype_constraints, do: [one_of: values()]
      @impl true
      def storage_type(_), do: :text
      @impl true
      def dump(value), do: Atom.to_string(value)
      @impl true
      def load(value, _), do: String.to_existing_atom(value)
    end
  end
end

defmodule Ash.Type.String do
  @moduledoc false
  @behaviour Ash.Type

  @impl true
  def cast_input(value, constraints) when is_binary(value) do
    value = if Keyword.get(constraints, :trim?, true), do: String.trim(value), else: value
    {:ok, if(value == "" and not Keyword.get(constraints, :allow_empty?, false), do: nil, else: value)}
  end

  def cast_input(value, constraints) when is_atom(value), do: cast_input(Atom.to_string(value), constraints)
  def cast_input(_, _), do: :error
  @impl true
  def storage_type(_), do: :text
  @impl true
  def dump(value), do: value
  @impl true
  def load(value, _), do: value
end

defmodule Ash.CiString do
  @moduledoc false
  defstruct [:string]

  defimpl String.Chars do
    def to_string(%{string: string}), do: string
  end

  defimpl Jason.Encoder do
    def encode(%{string: string}, opts), do: Jason.Encoder.encode(string, opts)
  end
end

defmodule Ash.Type.CiString do
  @moduledoc false
  @behaviour Ash.Type

  @impl true
  def cast_input(%Ash.CiString{} = value, _), do: {:ok, value}
  def cast_input(value, _) when is_binary(value), do: {:ok, %Ash.CiString{string: String.trim(value)}}
  def cast_input(_, _), do: :error
  @impl true
  def storage_type(_), do: :citext
  @impl true
  def dump(value), do: to_string(value)
  @impl true
  def load(value, _), do: %Ash.CiString{string: value}
end

defmodule Ash.Type.Atom do
  @moduledoc false
  @behaviour Ash.Type

  @impl true
  def cast_input(value, _) when is_atom(value), do: {:ok, value}

  def cast_input(value, constraints) when is_binary(value) do
    case Enum.find(constraints[:one_of] || [], &(Atom.to_string(&1) == value)) do
      nil -> {:error, "atom must be one of \"#{Enum.join(constraints[:one_of] || [], ", ")}\", got: #{inspect(value)}"}
      atom -> {:ok, atom}
    end
  end

  def cast_input(_, _), do: :error
  @impl true
  def storage_type(_), do: :text
  @impl true
  def dump(value), do: Atom.to_string(value)
  @impl true
  def load(value, _), do: String.to_existing_atom(value)
end

defmodule Ash.Type.Text do
  @moduledoc false

  def parse(value, :bigint),
    do: with({number, ""} <- Elixir.Integer.parse(value), do: {:ok, number}, else: (_ -> :error))

  def parse(value, :boolean), do: Elixir.Map.fetch(%{"true" => true, "false" => false}, value)
  def parse(value, :date), do: Elixir.Date.from_iso8601(value)
  def parse(value, :decimal), do: {:ok, Elixir.Decimal.new(value)}
  def parse(_, _), do: :error
end

for {module, storage, guard} <- [
      {Ash.Type.Integer, :bigint, :is_integer},
      {Ash.Type.Boolean, :boolean, :is_boolean},
      {Ash.Type.Map, :map, :is_map},
      {Ash.Type.Float, :float, :is_number},
      {Ash.Type.Decimal, :decimal, :is_struct},
      {Ash.Type.Date, :date, :is_struct}
    ] do
  defmodule module do
    @moduledoc false
    @behaviour Ash.Type

    @impl true
    def cast_input(value, _) when unquote({guard, [], [{:value, [], nil}]}), do: {:ok, value}
    def cast_input(value, _) when is_binary(value), do: Ash.Type.Text.parse(value, unquote(storage))
    def cast_input(_, _), do: :error
    @impl true
    def storage_type(_), do: unquote(storage)
    @impl true
    def dump(value), do: value
    @impl true
    def load(value, _), do: value
  end
end

defmodule Ash.Type.UUID do
  @moduledoc false
  @behaviour Ash.Type

  @impl true
  def cast_input(value, _), do: Ecto.UUID.cast(value)
  @impl true
  def storage_type(_), do: :uuid
  @impl true
  def dump(value), do: Ecto.UUID.dump!(value)
  @impl true
  def load(value, _), do: Ecto.UUID.load!(value)
end

for {module, storage, unit} <- [
      {Ash.Type.UtcDatetime, :utc_datetime, :second},
      {Ash.Type.UtcDatetimeUsec, :utc_datetime_usec, :microsecond}
    ] do
  defmodule module do
    @moduledoc false
    @behaviour Ash.Type

    @impl true
    def cast_input(%DateTime{} = value, _),
      do: {:ok, if(unquote(unit) == :second, do: DateTime.truncate(value, :second), else: value)}

    def cast_input(value, _) when is_binary(value) do
      with {:ok, value, _} <- DateTime.from_iso8601(value), do: {:ok, value}
    end

    def cast_input(_, _), do: :error
    @impl true
    def storage_type(_), do: unquote(storage)
    @impl true
    def dump(value), do: DateTime.to_naive(value)
    @impl true
    def load(%NaiveDateTime{} = value, _), do: DateTime.from_naive!(value, "Etc/UTC")
    def load(value, _), do: value
  end
end

defmodule Ash.UUID do
  @moduledoc false
  def generate, do: Ecto.UUID.generate()
end
