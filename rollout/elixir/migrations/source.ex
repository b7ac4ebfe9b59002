defmodule Migrations.Source do
  @moduledoc "A migration's file as facts: the migration itself, then its operations in the order of the source."

  alias Migrations.{Statement, Values}

  @callbacks [:after_begin, :before_commit]

  def facts(version, file) do
    with {:ok, text} <- File.read(file),
         {:ok, tree, comments} <- Code.string_to_quoted_with_comments(text, columns: true, emit_warnings: false) do
      case modules(tree) do
        [] -> [unreadable(version, file, 1, "it defines no module")]
        found -> Enum.flat_map(found, &module(&1, version, file, comments))
      end
    else
      {:error, {meta, message, token}} -> [unreadable(version, file, meta[:line], "#{message(message)}#{token}")]
      {:error, reason} -> [unreadable(version, file, 1, "#{:file.format_error(reason)}")]
    end
  end

  defp unreadable(version, file, line, text) do
    %{kind: "unreadable", version: version, file: file, line: line, text: text |> String.replace(~r/\s+/, " ")}
  end

  defp message({before, rest}), do: "#{before}#{rest}"
  defp message(message), do: message

  defp modules(tree) do
    {_, found} =
      Macro.prewalk(tree, [], fn
        {:defmodule, meta, [name, [{_, body}]]} = node, found -> {node, [{name, meta[:line], body} | found]}
        node, found -> {node, found}
      end)

    Enum.reverse(found)
  end

  defp module({name, line, body}, version, file, comments) do
    statements = Values.statements(body)
    attributes = attributes(statements)
    functions = functions(statements)

    migration = %{
      kind: "migration",
      version: version,
      file: file,
      line: line,
      module: Macro.to_string(name),
      uses: for({:use, _, [used | _]} <- statements, do: Macro.to_string(used)),
      transaction: Map.get(attributes, :disable_ddl_transaction, false) != true,
      migration_lock: Map.get(attributes, :disable_migration_lock, false) != true,
      functions: for({{function, 0}, _} <- functions, do: function),
      comments: for(%{line: at, text: text} <- comments, do: %{line: at, text: text})
    }

    operations =
      for function <- [:change, :up, :down] ++ @callbacks,
          [{[], code} | _] <- [Map.get(functions, {function, 0}, [])],
          operation <- Statement.operations(code, function, attributes, functions) do
        Map.merge(operation, %{version: version, file: file})
      end

    [migration | operations]
  end

  defp attributes(statements) do
    for {:@, _, [{name, _, [code]}]} <- statements, reduce: %{} do
      known ->
        case Values.value(code, %{attributes: known, variables: %{}}) do
          {:ok, value} -> Map.put(known, name, value)
          :unknown -> Map.delete(known, name)
        end
    end
  end

  defp functions(statements) do
    for {kind, _, [head, [{_, body} | _]]} when kind in [:def, :defp] <- statements, reduce: %{} do
      known ->
        {name, parameters} = head |> without_guard() |> Macro.decompose_call()
        Map.update(known, {name, length(parameters)}, [{parameters, body}], &(&1 ++ [{parameters, body}]))
    end
  end

  defp without_guard({:when, _, [head, _]}), do: head
  defp without_guard(head), do: head
end
