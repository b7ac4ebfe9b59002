defmodule Migrations.Operation do
  @moduledoc "Turns a call of Ecto.Migration, or of a repository, into operations."

  alias Migrations.Values

  @creates [:create, :create_if_not_exists]
  @drops [:drop, :drop_if_exists]
  @adds [:add, :add_if_not_exists]
  @removes [:remove, :remove_if_exists]
  @columns @adds ++ @removes ++ [:modify, :timestamps]
  @calls @creates ++ @drops ++ @columns ++ [:rename, :execute, :execute_file, :flush, :raise]
  @data [:update_all, :delete_all, :insert_all, :insert, :insert!, :update, :update!, :delete, :delete!]
  @queries [:query, :query!, :query_many, :query_many!]

  def known?({name, _, arguments}), do: name in @calls and (name not in [:drop, :create] or arguments != [])

  @doc "The table that `create table(…)` or `alter table(…)` is about, nil for another call."
  def opens_table({name, _, [target | _]}, env) when name in [:alter | @creates] do
    case resolved(target, env) do
      {:table, _, _} = table -> table |> table(env) |> Map.put(:call, name)
      _ -> nil
    end
  end

  def opens_table(_, _), do: nil

  @doc "The operation of the table itself; its columns follow."
  def of_table(%{call: :alter}, _, _), do: []

  def of_table(table, meta, env) do
    options = table.options ++ [if_not_exists: table.call == :create_if_not_exists]
    [operation("create_table", meta, env, table: table.name, prefix: table.prefix, options: options)]
  end

  @doc "The operations of a call."
  def from({name, meta, [target | rest]}, env) when name in @creates do
    flag = [if_not_exists: name == :create_if_not_exists]
    made(resolved(target, env), meta, env, flag ++ Values.options(rest, env))
  end

  def from({name, meta, [target | rest]}, env) when name in @drops do
    flag = [if_exists: name == :drop_if_exists] ++ Values.options(rest, env)

    case resolved(target, env) do
      {:table, _, _} = code ->
        table = table(code, env)
        [operation("drop_table", meta, env, table: table.name, prefix: table.prefix, options: table.options ++ flag)]

      {kind, _, _} = code when kind in [:index, :unique_index] ->
        [index("drop_index", code, meta, env, flag)]

      {:constraint, _, [table, constraint | _]} ->
        options = [name: Values.name(Values.known(constraint, env))] ++ flag
        [operation("drop_constraint", meta, env, table: named(table, env), options: options)]

      other ->
        [undecided("drop", other, meta, env)]
    end
  end

  def from({name, meta, [column, type | rest]}, %{table: %{}} = env) when name in @adds do
    options = Values.options(rest, env) ++ [if_not_exists: name == :add_if_not_exists]
    [column("add_column", column, type, options, meta, env)]
  end

  def from({:modify, meta, [column, type | rest]}, %{table: %{}} = env) do
    [column("modify_column", column, type, Values.options(rest, env), meta, env)]
  end

  def from({name, meta, [column | rest]}, %{table: %{}} = env) when name in @removes do
    {type, rest} = if rest == [], do: {nil, []}, else: List.pop_at(rest, 0)
    [column("remove_column", column, type, Values.options(rest, env), meta, env)]
  end

  def from({:timestamps, meta, arguments}, %{table: %{}} = env) do
    options = Values.options(arguments, env)
    type = Keyword.get(options, :type, :naive_datetime)
    given = options |> Keyword.take([:default, :null, :unknown]) |> Keyword.put_new(:null, false)

    for {key, default} <- [inserted_at: :inserted_at, updated_at: :updated_at], name = Keyword.get(options, key, default) do
      column("add_column", name, type, given, meta, env)
    end
  end

  def from({:rename, meta, [target, [{:to, to}]]}, env) do
    case resolved(target, env) do
      {:table, _, _} = code ->
        table = table(code, env)
        [operation("rename_table", meta, env, table: table.name, prefix: table.prefix, options: [to: table(resolved(to, env), env).name])]

      {kind, _, _} = code when kind in [:index, :unique_index] ->
        [index("rename_index", code, meta, env, to: Values.name(Values.known(to, env)))]

      other ->
        [undecided("rename", other, meta, env)]
    end
  end

  def from({:rename, meta, [target, column, [{:to, to}]]}, env) do
    table = target |> resolved(env) |> table(env)
    fields = [table: table.name, prefix: table.prefix, column: named(column, env), options: [to: named(to, env)]]
    [operation("rename_column", meta, env, fields)]
  end

  def from({:execute, meta, [sql]}, env), do: [sql("execute", sql, [], meta, env)]
  def from({:execute, meta, [sql, down]}, env), do: [sql("execute", sql, [down: elem(Values.template(down, env), 0)], meta, env)]
  def from({:execute_file, meta, [file | rest]}, env), do: [operation("execute_file", meta, env, options: [file: Values.known(file, env)] ++ if(rest == [], do: [], else: [down: "a file"]))]
  def from({:flush, meta, _}, env), do: [operation("flush", meta, env, [])]
  def from({:raise, meta, _}, env), do: [operation("raise", meta, env, [])]

  def from({{:., _, [_, function]}, meta, [sql | _]} = code, env) when function in @queries do
    sql = if sql_module?(code), do: code |> elem(2) |> Enum.at(1, sql), else: sql
    [sql("query", sql, [], meta, env)]
  end

  def from({{:., _, [_, function]}, meta, _}, env) when function in @data, do: [operation("data", meta, env, options: [function: function])]
  def from({{:., _, [_, function]}, meta, _}, env) when function in [:transaction, :transact], do: [operation("transaction", meta, env, [])]
  def from(code, env), do: call(code, env)

  @doc "A call whose effect is defined elsewhere."
  def call({_, meta, _} = code, env), do: [operation("call", meta, env, options: [code: code |> Macro.to_string() |> String.slice(0, 200)])]

  defp made({kind, _, _} = code, meta, env, flags) when kind in [:index, :unique_index], do: [index("create_index", code, meta, env, flags)]

  defp made({:constraint, _, [table, constraint | rest]}, meta, env, _) do
    options = [name: Values.name(Values.known(constraint, env))] ++ Values.options(rest, env)
    [operation("create_constraint", meta, env, table: named(table, env), options: options)]
  end

  defp made(other, meta, env, _), do: [undecided("create", other, meta, env)]

  defp index(kind, {name, _, [table, columns | rest]}, meta, env, flags) do
    columns = columns |> Values.known(env) |> List.wrap() |> Enum.map(&Values.name/1)
    options = flags ++ [columns: columns] ++ Values.options(rest, env) ++ if(name == :unique_index, do: [unique: true], else: [])
    operation(kind, meta, env, table: named(table, env), options: options)
  end

  defp index(kind, code, meta, env, _), do: undecided(kind, code, meta, env)

  defp column(kind, name, type, options, meta, env) do
    fields = [table: env.table.name, prefix: env.table.prefix, column: named(name, env), type: type(type, env), options: options]
    operation(kind, meta, env, fields)
  end

  defp type(nil, _), do: nil
  defp type(code, env), do: Values.known(code, env)

  defp sql(kind, code, options, meta, env) do
    {text, missing} = Values.template(code, env)
    operation(kind, meta, doubts(env, missing), sql: text, options: options)
  end

  defp table({:table, _, [name | rest]}, env) do
    options = Values.options(rest, env)
    {prefix, options} = Keyword.pop(options, :prefix)
    %{name: named(name, env), prefix: prefix, options: options}
  end

  defp table(code, _), do: %{name: Values.unknown(code), prefix: nil, options: []}

  defp named(code, env), do: code |> Values.known(env) |> Values.name()

  # `index(…) |> create()`, and what a variable holds, come as code.
  defp resolved({:|>, _, [first, call]}, env), do: first |> Macro.pipe(call, 0) |> resolved(env)
  defp resolved(code, _), do: code

  defp sql_module?({{:., _, [{:__aliases__, _, name}, _]}, _, _}), do: List.last(name) == :SQL
  defp sql_module?(_), do: false

  defp undecided(kind, code, meta, env), do: operation(kind, meta, doubts(env, [Macro.to_string(code)]), [])

  defp doubts(env, missing), do: %{env | undecided: env.undecided ++ Enum.map(missing, &"the value of `#{&1}`")}

  # Unknown names become null, and a reason.
  defp operation(kind, meta, env, fields) do
    unknown = for {key, %{unknown: source}} when key in [:table, :column] <- fields, do: "the #{key} `#{source}`"
    prefix = with %{unknown: source} <- fields[:prefix], do: source

    %{
      kind: kind,
      direction: env.direction,
      line: meta[:line],
      statement: env.statement || meta[:line],
      table: known_name(fields[:table]),
      prefix: prefix,
      column: known_name(fields[:column]),
      type: fields[:type],
      options: Map.new(fields[:options] || []),
      sql: fields[:sql],
      undecided: env.undecided ++ unknown
    }
  end

  defp known_name(%{unknown: _}), do: nil
  defp known_name(name), do: name
end
