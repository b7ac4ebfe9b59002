defmodule Edit.Operation do
  @moduledoc "The operations. `run/2` gives the new source, or :unchanged."

  alias Edit.{Container, Dependencies, Find, Lists, Source, Statements}

  def file({:alias_set, _, _}), do: "mix.exs"
  def file({:project_set, _, _}), do: "mix.exs"
  def file({:remove_dep, name}) when is_atom(name), do: "mix.exs"
  def file(operation) when is_tuple(operation) and tuple_size(operation) > 1, do: elem(operation, 1)
  def file(_), do: nil

  def run(source, {:append, _, code}), do: Statements.append(source, code)
  def run(source, {:module_prelude, _, code}), do: Statements.prelude(source, code)
  def run(source, {:replace, _, marker, code}), do: Statements.replace(source, marker, code)
  def run(source, {:add_dep, name, requirement, options}), do: Dependencies.add(source, name, requirement, options)
  def run(source, {:remove_dep, name}), do: Dependencies.remove(source, name)

  def run(source, {:child_before, _, child, code}) do
    list = Find.assigned_list(source, :children)
    if list == nil, do: Source.fail(source.file, "has no `children = [...]`", "edit it by hand")
    wanted = Source.bare(Source.parse!(child, source.file, "the child is wrong, nothing was written: correct it").tree)

    case Enum.find_index(list.items, &child?(Source.bare(&1), wanted)) do
      nil -> Source.fail(source.file, "children has no #{child}", "name one that the list has")
      index -> Lists.add_item(source, list, {:before, index}, code)
    end
  end

  def run(source, {:list_add, _, key, value}) do
    list = Find.keyed_list(source, key)
    whole = Find.literal(source.tree)
    whole = whole && Container.list(source, whole)

    cond do
      list -> Lists.add_item(source, list, :last, value)
      whole && not Enum.any?(whole.items, &Lists.key?(&1, key)) -> Lists.put_pair(source, whole, key, "#{pair_key(key)} [#{value}]")
      true -> Source.fail(source.file, "has no list under #{key}", "add `#{key}: []` to it by hand")
    end
  end

  def run(source, {:alias_set, name, value}) do
    Lists.put_pair(source, Find.project_list(source, :aliases), name, "#{pair_key(name)} #{value}")
  end

  def run(source, {:project_set, name, value}) do
    Lists.put_pair(source, Find.project(source), name, "#{pair_key(name)} #{value}")
  end

  def run(source, operation) do
    Source.fail(source.file, "unknown operation #{inspect(operation)}", "see rollout/elixir/edit/command.ex")
  end

  # `[name: 0]` without its brackets and value: quoted where the name asks for it.
  defp pair_key(name), do: [{:"#{name}", 0}] |> inspect() |> String.slice(1..-4//1) |> String.trim()

  defp child?(item, wanted) when item == wanted, do: true
  defp child?({:__block__, _, [{first, _}]}, wanted), do: first == wanted
  defp child?({:{}, _, [first | _]}, wanted), do: first == wanted
  defp child?(_, _), do: false
end
