defmodule Migrations.Statement do
  @moduledoc """
  Walks the statements of a function and collects its operations.

  Functions of the same module are followed with their arguments. A loop over a literal list is unrolled. What stands in
  another loop or behind a condition is collected once, with the reason why it is undecided.
  """

  alias Migrations.{Operation, Values}

  defstruct [:direction, :attributes, :functions, :table, :statement, variables: %{}, undecided: [], calls: []]

  @branches [:if, :unless, :case, :cond, :with, :try, :receive]
  @ignored [:import, :require, :alias, :use, :direction, :prefix, :repo, :inspect, :to_string, :require_file]
  @harmless [[:IO], [:Logger], [:Process], [:String], [:Application], [:System]]
  @loops [:each, :map, :reduce, :flat_map]

  @doc "The operations of a function's body."
  def operations(code, direction, attributes, functions) do
    env = %__MODULE__{direction: direction, attributes: attributes, functions: functions}
    {operations, _} = walk(code, env)
    operations
  end

  defp walk({:__block__, _, statements}, env) do
    {operations, env} = Enum.map_reduce(statements, env, &walk/2)
    {List.flatten(operations), env}
  end

  defp walk({:|>, _, _} = code, env) do
    [{first, _} | rest] = Macro.unpipe(code)
    walk(Enum.reduce(rest, first, fn {call, at}, piped -> Macro.pipe(piped, call, at) end), env)
  end

  defp walk({:=, _, [{name, _, context}, code]}, env) when is_atom(name) and is_atom(context) do
    {operations, _} = walk(code, env)
    {operations, bind(env, name, Values.known(code, env))}
  end

  defp walk({:=, _, [_, code]}, env), do: walk(code, env)

  defp walk({name, meta, arguments}, env) when name in @branches and is_list(arguments) do
    inner = doubt(env, "inside `#{name}` at line #{meta[:line]}")
    {Enum.flat_map(bodies(arguments), &elem(walk(&1, inner), 0)), env}
  end

  defp walk({:for, meta, arguments}, env) do
    {generators, [[{:do, body} | _]]} = Enum.split(arguments, -1)

    case generators do
      [{:<-, _, [{name, _, context}, list]}] when is_atom(context) -> {repeat(name, list, body, meta, env), env}
      _ -> {loop(body, meta, "for", env), env}
    end
  end

  defp walk({{:., _, [{:__aliases__, _, [:Enum]}, function]}, meta, [list, {:fn, _, [{:->, _, [[{name, _, context}], body]}]}]}, env)
       when function in @loops and is_atom(context) do
    {repeat(name, list, body, meta, env), env}
  end

  defp walk({{:., _, [{:__aliases__, _, [:Enum]}, function]}, meta, [list, {:fn, _, clauses} | _]}, env) when function in @loops do
    {elem(walk(list, env), 0) ++ Enum.flat_map(clauses, fn {:->, _, [_, body]} -> loop(body, meta, "Enum.#{function}", env) end), env}
  end

  defp walk({:execute, meta, [{:fn, _, clauses} | down]}, env) do
    inner = %{env | statement: env.statement || meta[:line]}
    operations = Enum.flat_map(clauses, fn {:->, _, [_, body]} -> elem(walk(body, inner), 0) end)
    {reversible(operations, down != []), env}
  end

  defp walk({:execute, meta, [{:&, _, [{:/, _, [{name, _, _}, 0]}]} | down]}, env) do
    {operations, _} = walk({name, meta, []}, env)
    {reversible(operations, down != []), env}
  end

  defp walk({{:., _, [_, function]}, meta, [argument | _]} = code, env) when function in [:transaction, :transact] do
    bodies = with {:fn, _, clauses} <- argument, do: for({:->, _, [_, body]} <- clauses, do: body), else: (_ -> [])
    inner = %{env | statement: env.statement || meta[:line]}
    {Operation.from(code, inner) ++ Enum.flat_map(bodies, &elem(walk(&1, inner), 0)), env}
  end

  defp walk({name, meta, arguments} = code, env) when is_atom(name) and is_list(arguments) do
    cond do
      name in @ignored -> {[], env}
      table = Operation.opens_table(code, env) -> {columns(code, table, env), env}
      Operation.known?(code) -> {Operation.from(code, env), env}
      clauses = env.functions[{name, length(arguments)}] -> {follow(name, clauses, arguments, meta, env), env}
      operator?(name, arguments) -> {[], env}
      true -> {Operation.call(code, env), env}
    end
  end

  defp walk({{:., _, [{:__aliases__, _, name}, _]}, _, _}, env) when name in @harmless, do: {[], env}
  defp walk({{:., _, _}, _, _} = code, env), do: {Operation.from(code, env), env}
  defp walk(_, env), do: {[], env}

  defp operator?(name, arguments), do: Macro.operator?(name, length(arguments)) or name in [:{}, :%{}, :<<>>, :fn, :&, :@, :__aliases__]

  defp columns({_, meta, arguments}, table, env) do
    inner = %{env | table: table, statement: env.statement || meta[:line]}
    own = Operation.of_table(table, meta, env)

    with [_ | _] = last <- List.last(arguments), {:do, body} <- List.keyfind(last, :do, 0) do
      own ++ elem(walk(body, inner), 0)
    else
      _ -> own
    end
  end

  # A recursive function is followed once.
  defp follow(name, clauses, arguments, meta, env) do
    key = {name, length(arguments)}

    if key in env.calls do
      []
    else
      inner = %{env | calls: [key | env.calls], statement: env.statement || meta[:line]}
      inner = if length(clauses) > 1, do: doubt(inner, "one of the clauses of #{name}/#{length(arguments)}"), else: inner

      Enum.flat_map(clauses, fn {parameters, body} ->
        {operations, _} = walk(body, %{inner | variables: arguments(parameters, arguments, env)})
        operations
      end)
    end
  end

  defp arguments(parameters, arguments, env) do
    for {{name, _, context}, code} when is_atom(context) <- Enum.zip(parameters, arguments), into: %{} do
      {name, Values.known(code, env)}
    end
  end

  defp repeat(name, list, body, meta, env) do
    case Values.known(list, env) do
      items when is_list(items) -> Enum.flat_map(items, &elem(walk(body, bind(env, name, &1)), 0))
      _ -> elem(walk(list, env), 0) ++ loop(body, meta, "a loop", %{env | variables: Map.delete(env.variables, name)})
    end
  end

  defp loop(body, meta, name, env), do: body |> walk(doubt(env, "inside #{name} at line #{meta[:line]}")) |> elem(0)

  defp bodies(arguments) do
    for [_ | _] = blocks <- [List.last(arguments)], {_, block} <- blocks, body <- clauses(block), do: body
  end

  defp clauses(block) when is_list(block), do: for({:->, _, [_, body]} <- block, do: body)
  defp clauses(block), do: [block]

  defp reversible(operations, false), do: operations
  defp reversible(operations, true), do: Enum.map(operations, &put_in(&1, [:options, :down], "a function"))

  defp bind(env, name, value), do: %{env | variables: Map.put(env.variables, name, value)}
  defp doubt(env, reason), do: %{env | undecided: env.undecided ++ [reason]}
end
