defmodule Edit.CLI do
  @moduledoc """
  Edits Elixir files through Elixir's own syntax tree.

      add-dep MIX_EXS NAME REQUIREMENT [--only dev,test] [--override] [--runtime true|false]
      remove-dep MIX_EXS NAME
      list-deps MIX_EXS            prints NAME<TAB>SOURCE for each dependency
      apply ROOT EDITS_EXS…        each EDITS_EXS holds a literal list of operations

  Operations: {:append, file, code}                     at the end of the file
              {:replace, file, marker, code}            in place of the first statement equal to marker
              {:module_prelude, file, code}             after the first `use` of the file's first module
              {:child_before, file, child, code}        into `children = [...]`, before child
              {:list_add, file, key, value}             to the list under key
              {:alias_set, name, value}                 an alias of mix.exs, new or in the place of another value
              {:project_set, key, value}                a key of project/0 in mix.exs, likewise
              {:remove_dep, name}                       a dependency of mix.exs, taken out

  The tree only tells where; the text is spliced there, so every other byte stays. Before anything is written, the new
  text is parsed and must equal the old tree with exactly the intended change. All operations of one call are written,
  or none. What is there already is left alone: "unchanged FILE". Errors: exit 3, one line, nothing written.
  """

  alias Edit.{Dependencies, Operation, Source}

  def main(arguments) do
    with {:error, line} <- run(arguments) do
      IO.puts(:stderr, line)
      System.halt(3)
    end
  end

  @doc "Runs one command: :ok, or {:error, line}."
  def run(arguments) do
    command(arguments)
    :ok
  rescue
    error in Edit.Error -> {:error, "edit: " <> error.message}
  end

  defp command(["add-dep", file, name, requirement | options]) do
    if Version.parse_requirement(requirement) == :error do
      Source.fail(file, "#{inspect(requirement)} is not a requirement", "write one such as \"~> 1.2\"")
    end

    edit([{file, {:add_dep, dep_name!(file, name), requirement, dep_options!(file, options)}}])
  end

  defp command(["remove-dep", file, name]), do: edit([{file, {:remove_dep, dep_name!(file, name)}}])

  defp command(["list-deps", file]) do
    for {name, code} <- file |> read!() |> Dependencies.list(), do: IO.puts("#{name}\t#{code}")
  end

  defp command(["apply", root | [_ | _] = files]) do
    edit(for edits <- files, operation <- operations!(edits), do: {path!(edits, root, operation), operation})
  end

  defp command(arguments) do
    Source.fail("command line", "#{inspect(arguments)} is not a command", "see rollout/elixir/edit/command.ex")
  end

  # Everything in memory first, so that an error in the last operation leaves the first file untouched.
  defp edit(steps) do
    sources =
      Enum.reduce(steps, %{}, fn {file, operation}, sources ->
        {old, new} = Map.get_lazy(sources, file, fn -> read!(file) |> then(&{&1, &1}) end)

        case Operation.run(new, operation) do
          :unchanged -> Map.put(sources, file, {old, new})
          changed -> Map.put(sources, file, {old, changed})
        end
      end)

    for file <- steps |> Enum.map(&elem(&1, 0)) |> Enum.uniq() do
      {old, new} = sources[file]
      if old.text == new.text, do: IO.puts("unchanged #{file}"), else: write!(file, new.text)
    end
  end

  defp read!(file) do
    case File.read(file) do
      {:ok, text} -> Source.parse!(text, file, "correct it first")
      {:error, reason} -> Source.fail(file, "cannot be read: #{:file.format_error(reason)}", "give the path of an Elixir file")
    end
  end

  # A neighbour is written, synced and renamed over the file, with the file's mode: a reader sees the old or the new text.
  defp write!(file, text) do
    target = real(file)
    part = "#{target}.#{System.pid()}.part"

    with {:ok, %{mode: mode}} <- File.stat(target),
         {:ok, _} <- File.open(part, [:write, :exclusive, :raw], &(:ok = :file.write(&1, text)) && :file.sync(&1)),
         :ok <- File.chmod(part, Bitwise.band(mode, 0o7777)),
         :ok <- File.rename(part, target) do
      IO.puts("changed #{file}")
    else
      {:error, reason} ->
        File.rm(part)
        Source.fail(file, "cannot be written: #{:file.format_error(reason)}", "make it and its folder writable")
    end
  end

  defp real(file) do
    case File.read_link(file) do
      {:ok, target} -> target |> Path.expand(Path.dirname(file)) |> real()
      {:error, _} -> file
    end
  end

  defp operations!(file) do
    with {:ok, text} <- File.read(file),
         {:parsed, tree} <- {:parsed, Source.parse!(text, file, "correct it first") && Code.string_to_quoted!(text)},
         tree = Macro.prewalk(tree, &sigil/1),
         true <- Macro.quoted_literal?(tree),
         {operations, _} when is_list(operations) <- Code.eval_quoted(tree) do
      operations
    else
      _ -> Source.fail(file, "is not a literal list of operations", "see rollout/elixir/edit/command.ex")
    end
  end

  # ~S is a literal to a reader, though a macro to Elixir.
  defp sigil({:sigil_S, _, [{:<<>>, _, [text]}, []]}), do: text

  defp sigil(node), do: node

  defp path!(edits, root, operation) do
    file = Operation.file(operation)

    case is_binary(file) and Path.safe_relative(file) do
      {:ok, relative} -> Path.join(root, relative)
      _ -> Source.fail(edits, "operation #{inspect(operation)} names no file below the root", "see rollout/elixir/edit/command.ex")
    end
  end

  defp dep_name!(file, name) do
    if name =~ ~r/^[a-z][a-z0-9_]{0,127}$/, do: String.to_atom(name), else: Source.fail(file, "#{inspect(name)} is not a package name", "write one such as ash_postgres")
  end

  defp dep_options!(file, arguments) do
    case OptionParser.parse(arguments, strict: [only: :string, override: :boolean, runtime: :string]) do
      {options, [], []} -> Enum.map(options, &dep_option!(file, &1))
      _ -> Source.fail(file, "unknown option in #{Enum.join(arguments, " ")}", "use --only ENV,ENV, --override, --runtime true|false")
    end
  end

  defp dep_option!(file, {:only, names}) do
    case names |> String.split(",", trim: true) |> Enum.map(&dep_name!(file, &1)) do
      [name] -> {:only, name}
      [_ | _] = names -> {:only, names}
      [] -> Source.fail(file, "--only names no environment", "write it as --only dev,test")
    end
  end

  defp dep_option!(_, {:runtime, value}) when value in ["true", "false"], do: {:runtime, value == "true"}
  defp dep_option!(file, {:runtime, _}), do: Source.fail(file, "--runtime takes true or false", "write --runtime false")
  defp dep_option!(_, option), do: option
end
