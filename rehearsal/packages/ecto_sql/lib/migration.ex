defmodule Ecto.Migration.Table do
  defstruct [:name, :prefix, primary_key: true, comment: nil, options: nil]
end

defmodule Ecto.Migration.Index do
  defstruct [
    :table,
    :prefix,
    :name,
    :where,
    :using,
    columns: [],
    unique: false,
    concurrently: false,
    nulls_distinct: nil
  ]
end

defmodule Ecto.Migration.Reference do
  defstruct [
    :table,
    :name,
    :prefix,
    column: :id,
    type: :bigserial,
    on_delete: :nothing,
    on_update: :nothing,
    match: nil
  ]
end

defmodule Ecto.Migration.Constraint do
  defstruct [:table, :name, :check, :prefix]
end

defmodule Ecto.MigrationError do
  defexception [:message]
end

defmodule Ecto.Migration do
  @moduledoc "Rehearsal stand-in: schema changes, each with its reverse."

  alias Ecto.Migration.{Constraint, Index, Reference, Runner, Table}

  defmacro __using__(_) do
    quote do
      import Ecto.Migration
      @disable_ddl_transaction false
      @disable_migration_lock false
      @before_compile Ecto.Migration
    end
  end

  defmacro __before_compile__(_) do
    quote do
      def __migration__,
        do: [disable_ddl_transaction: @disable_ddl_transaction, disable_migration_lock: @disable_migration_lock]
    end
  end

  defmacro create(object, do: block), do: block(:create, object, block)
  defmacro create_if_not_exists(object, do: block), do: block(:create_if_not_exists, object, block)
  defmacro alter(object, do: block), do: block(:alter, object, block)

  defp block(verb, object, block) do
    quote do
      Ecto.Migration.__begin__(unquote(verb), unquote(object))
      unquote(block)
      Ecto.Migration.__end__()
    end
  end

  def __begin__(verb, table) do
    first =
      if verb != :alter and table.primary_key == true, do: [{:add, :id, :bigserial, [primary_key: true]}], else: []

    Process.put(:migration_block, {verb, table, first})
  end

  def __end__ do
    {verb, table, changes} = Process.delete(:migration_block)
    Runner.command({verb, table, Enum.reverse(changes)})
  end

  def table(name, opts \\ []), do: struct(%Table{name: to_string(name)}, opts)

  def index(table, columns, opts \\ []) do
    columns = List.wrap(columns)
    name = opts[:name] || Enum.join([table | columns] ++ ["index"], "_")
    struct(%Index{table: to_string(table), columns: columns}, Keyword.put(opts, :name, to_string(name)))
  end

  def unique_index(table, columns, opts \\ []), do: index(table, columns, [unique: true] ++ opts)
  def references(table, opts \\ []), do: struct(%Reference{table: to_string(table)}, opts)
  def constraint(table, name, opts \\ []), do: struct(%Constraint{table: to_string(table), name: to_string(name)}, opts)
  def fragment(sql), do: {:fragment, sql}

  def create(object), do: Runner.command({:create, object})
  def create_if_not_exists(object), do: Runner.command({:create_if_not_exists, object})
  def drop(object, opts \\ []), do: Runner.command({:drop, object, opts})
  def drop_if_exists(object, opts \\ []), do: Runner.command({:drop_if_exists, object, opts})
  def rename(table, to: new), do: Runner.command({:rename, table, new})
  def rename(table, column, to: new), do: Runner.command({:rename, table, column, new})
  def execute(sql) when is_binary(sql), do: Runner.command({:execute, sql, nil})
  def execute(fun) when is_function(fun, 0), do: fun.()
  def execute(up, down), do: Runner.command({:execute, up, down})
  def flush, do: Runner.flush()
  def repo, do: Runner.repo()
  def direction, do: Runner.direction()
  def prefix, do: nil

  def add(column, type, opts \\ []), do: change({:add, column, type, opts})
  def add_if_not_exists(column, type, opts \\ []), do: change({:add_if_not_exists, column, type, opts})
  def modify(column, type, opts \\ []), do: change({:modify, column, type, opts})
  def remove(column), do: change({:remove, column, nil, []})
  def remove(column, type, opts \\ []), do: change({:remove, column, type, opts})
  def remove_if_exists(column, type \\ nil), do: change({:remove_if_exists, column, type, []})

  def timestamps(opts \\ []) do
    type = opts[:type] || :naive_datetime

    for key <- [:inserted_at, :updated_at],
        do: add(key, type, Keyword.merge([null: false], Keyword.drop(opts, [:type])))
  end

  defp change(change) do
    {verb, table, changes} = Process.get(:migration_block)
    Process.put(:migration_block, {verb, table, [change | changes]})
  end
end

defmodule Ecto.Migration.Runner do
  @moduledoc false
  # The commands of the migration that runs in this process, kept until they are flushed.

  require Logger
  alias Ecto.Migration.SQL

  def run(repo, module, direction, operation) do
    Process.put(__MODULE__, %{repo: repo, direction: direction, operation: operation, commands: []})
    apply(module, operation, [])
    flush()
    Process.delete(__MODULE__)
  end

  def repo, do: Process.get(__MODULE__).repo
  def direction, do: Process.get(__MODULE__).direction

  def command(command) do
    state = Process.get(__MODULE__)
    Process.put(__MODULE__, %{state | commands: [command | state.commands]})
    :ok
  end

  def flush do
    state = Process.get(__MODULE__)
    Process.put(__MODULE__, %{state | commands: []})
    backward = state.direction == :down and state.operation == :change
    commands = if backward, do: Enum.map(state.commands, &SQL.reverse/1), else: Enum.reverse(state.commands)

    for command <- commands do
      Logger.info(SQL.describe(command))
      for statement <- SQL.statements(command), do: state.repo.query!(statement, [], log: false)
    end
  end
end

defmodule Ecto.Migration.SQL do
  @moduledoc false

  alias Ecto.Migration.{Constraint, Index, Reference, Table}

  def reverse({:create, %Table{} = table, _}), do: {:drop, table, []}
  def reverse({:create, object}), do: {:drop, object, []}
  def reverse({:create_if_not_exists, object}), do: {:drop_if_exists, object, []}
  def reverse({:create_if_not_exists, object, _}), do: {:drop_if_exists, object, []}
  def reverse({:drop, %Index{} = index, _}), do: {:create, index}
  def reverse({:execute, up, down}) when is_binary(down), do: {:execute, down, up}
  def reverse({:rename, table, new}), do: {:rename, %{table | name: new.name}, table}
  def reverse({:rename, table, column, new}), do: {:rename, table, new, column}
  def reverse({:alter, table, changes}), do: {:alter, table, changes |> Enum.reverse() |> Enum.map(&reverse_change/1)}
  def reverse(command), do: irreversible(command)

  defp reverse_change({:add, column, type, opts}), do: {:remove, column, type, opts}
  defp reverse_change({:remove, column, type, opts}) when type != nil, do: {:add, column, type, opts}
  defp reverse_change({:modify, column, _, from: {type, opts}}), do: {:modify, column, type, opts}
  defp reverse_change(change), do: irreversible(change)

  defp irreversible(command) do
    raise Ecto.MigrationError, message: "cannot reverse migration command: #{inspect(command)}"
  end

  def describe({verb, %Table{name: name}, _}), do: "#{words(verb)} table #{name}"
  def describe({verb, %Index{name: name}}), do: "#{words(verb)} index #{name}"
  def describe({verb, %Index{name: name}, _}), do: "#{words(verb)} index #{name}"
  def describe({verb, %Constraint{name: name}}), do: "#{words(verb)} constraint #{name}"
  def describe({verb, %Constraint{name: name}, _}), do: "#{words(verb)} constraint #{name}"
  def describe({:execute, sql, _}), do: "execute #{inspect(sql)}"
  def describe({:rename, table, new}), do: "rename table #{table.name} to #{new.name}"
  def describe({:rename, table, column, new}), do: "rename column #{column} to #{new} on table #{table.name}"
  def describe({verb, %Table{name: name}}), do: "#{words(verb)} table #{name}"

  defp words(verb), do: verb |> to_string() |> String.replace("_", " ")

  def statements({:create, %Table{} = table, changes}), do: [create_table("CREATE TABLE ", table, changes)]

  def statements({:create, %Table{} = table}),
    do: [create_table("CREATE TABLE ", table, [{:add, :id, :bigserial, [primary_key: true]}])]

  def statements({:create_if_not_exists, %Table{} = table, changes}),
    do: [create_table("CREATE TABLE IF NOT EXISTS ", table, changes)]

  def statements({:create, %Index{} = index}), do: [create_index("", index)]
  def statements({:create_if_not_exists, %Index{} = index}), do: [create_index("IF NOT EXISTS ", index)]

  def statements({:create, %Constraint{} = c}) do
    ["ALTER TABLE #{name(c.prefix, c.table)} ADD CONSTRAINT \"#{c.name}\" CHECK (#{c.check})"]
  end

  def statements({verb, %Table{} = table, opts}) when verb in [:drop, :drop_if_exists] do
    ["DROP TABLE #{existing(verb)}#{name(table.prefix, table.name)}#{cascade(opts)}"]
  end

  def statements({verb, %Index{} = index, opts}) when verb in [:drop, :drop_if_exists] do
    ["DROP INDEX #{existing(verb)}#{name(index.prefix, index.name)}#{cascade(opts)}"]
  end

  def statements({verb, %Constraint{} = c, _}) when verb in [:drop, :drop_if_exists] do
    ["ALTER TABLE #{name(c.prefix, c.table)} DROP CONSTRAINT #{existing(verb)}\"#{c.name}\""]
  end

  def statements({:execute, sql, _}), do: [sql]
  def statements({:rename, table, new}), do: ["ALTER TABLE #{name(table.prefix, table.name)} RENAME TO \"#{new.name}\""]

  def statements({:rename, table, column, new}) do
    ["ALTER TABLE #{name(table.prefix, table.name)} RENAME COLUMN \"#{column}\" TO \"#{new}\""]
  end

  def statements({:alter, table, changes}) do
    Enum.flat_map(changes, fn change ->
      for clause <- alteration(change), do: "ALTER TABLE #{name(table.prefix, table.name)} #{clause}"
    end)
  end

  defp create_table(verb, table, changes) do
    keys = for {_, column, _, opts} <- changes, opts[:primary_key], do: "\"#{column}\""
    keys = if keys == [], do: [], else: ["PRIMARY KEY (#{Enum.join(keys, ", ")})"]
    columns = for {_, column, type, opts} <- changes, do: column(table.name, column, type, opts)
    "#{verb}#{name(table.prefix, table.name)} (#{Enum.join(columns ++ keys, ", ")})"
  end

  defp create_index(existing, index) do
    unique = if index.unique, do: "UNIQUE ", else: ""
    using = if index.using, do: " USING #{index.using}", else: ""
    nulls = if index.nulls_distinct == false, do: " NULLS NOT DISTINCT", else: ""
    where = if index.where, do: " WHERE #{index.where}", else: ""
    columns = Enum.map_join(index.columns, ", ", &if(is_atom(&1), do: "\"#{&1}\"", else: &1))

    "CREATE #{unique}INDEX #{existing}\"#{index.name}\" ON #{name(index.prefix, index.table)}#{using} (#{columns})#{nulls}#{where}"
  end

  defp alteration({:add, column, type, opts}), do: ["ADD COLUMN " <> column(nil, column, type, opts)]

  defp alteration({:add_if_not_exists, column, type, opts}),
    do: ["ADD COLUMN IF NOT EXISTS " <> column(nil, column, type, opts)]

  defp alteration({:remove, column, _, _}), do: ["DROP COLUMN \"#{column}\""]
  defp alteration({:remove_if_exists, column, _, _}), do: ["DROP COLUMN IF EXISTS \"#{column}\""]

  defp alteration({:modify, column, type, opts}) do
    null = %{true => ["DROP NOT NULL"], false => ["SET NOT NULL"], nil => []}[opts[:null]]
    default = if Keyword.has_key?(opts, :default), do: ["SET" <> default(opts)], else: []
    kind = if is_struct(type, Reference), do: reference_type(type), else: type(type)
    Enum.map(["TYPE #{kind}"] ++ null ++ default, &"ALTER COLUMN \"#{column}\" #{&1}")
  end

  defp column(table, column, %Reference{} = reference, opts) do
    constraint = reference.name || "#{table}_#{column}_fkey"

    "\"#{column}\" #{reference_type(reference)}#{default(opts)}#{null(opts)} CONSTRAINT \"#{constraint}\" REFERENCES " <>
      "#{name(reference.prefix, reference.table)}(\"#{reference.column}\")#{on("DELETE", reference.on_delete)}" <>
      on("UPDATE", reference.on_update)
  end

  defp column(_, column, type, opts), do: "\"#{column}\" #{type(type)}#{default(opts)}#{null(opts)}"

  defp on(_, :nothing), do: ""
  defp on(verb, :delete_all), do: " ON #{verb} CASCADE"
  defp on(verb, :update_all), do: " ON #{verb} CASCADE"
  defp on(verb, :nilify_all), do: " ON #{verb} SET NULL"
  defp on(verb, :restrict), do: " ON #{verb} RESTRICT"

  defp null(opts), do: if(opts[:null] == false, do: " NOT NULL", else: "")

  defp default(opts) do
    case Keyword.fetch(opts, :default) do
      :error -> ""
      {:ok, nil} -> " DEFAULT NULL"
      {:ok, {:fragment, sql}} -> " DEFAULT #{sql}"
      {:ok, []} -> " DEFAULT ARRAY[]::varchar[]"
      {:ok, value} when is_binary(value) -> " DEFAULT '#{String.replace(value, "'", "''")}'"
      {:ok, value} when is_map(value) -> " DEFAULT '#{Jason.encode!(value)}'"
      {:ok, value} when is_list(value) -> " DEFAULT ARRAY[#{Enum.map_join(value, ",", &"'#{&1}'")}]"
      {:ok, value} -> " DEFAULT #{value}"
    end
  end

  defp reference_type(%{type: type}) when type in [:bigserial, :id], do: "bigint"
  defp reference_type(%{type: type}), do: type(type)

  @types %{
    id: "bigint",
    serial: "serial",
    bigserial: "bigserial",
    binary_id: "uuid",
    string: "varchar(255)",
    binary: "bytea",
    map: "jsonb",
    utc_datetime: "timestamp(0)",
    utc_datetime_usec: "timestamp",
    naive_datetime: "timestamp(0)",
    naive_datetime_usec: "timestamp",
    time_usec: "time",
    float: "float"
  }

  defp type({:array, type}), do: type(type) <> "[]"
  defp type(type), do: Map.get(@types, type, to_string(type))

  defp existing(:drop_if_exists), do: "IF EXISTS "
  defp existing(:drop), do: ""
  defp cascade(opts), do: if(opts[:mode] == :cascade, do: " CASCADE", else: "")
  defp name(nil, name), do: "\"#{name}\""
  defp name(prefix, name), do: "\"#{prefix}\".\"#{name}\""
end
