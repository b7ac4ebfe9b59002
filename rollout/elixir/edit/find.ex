defmodule Edit.Find do
  @moduledoc "Finds containers. Raises Edit.Error with a way to go on where the file has another shape."

  alias Edit.{Container, Lists, Source}

  def first(tree, predicate) do
    {_, found} = Macro.prewalk(tree, nil, fn node, found -> {node, found || if(predicate.(node), do: node)} end)
    found
  end

  def module(source) do
    node = first(source.tree, &match?({:defmodule, _, [_, _]}, &1))
    (node && Container.block(source, node)) || Source.fail(source.file, "has no module with do and end", "name another file")
  end

  @doc "The list of `project/0`."
  def project(source) do
    list = function_body(source, :project) |> literal()
    if list, do: Container.list(source, list), else: Source.fail(source.file, "project/0 is not a literal list", "edit it by hand")
  end

  @doc "The list under `key` of `project/0`, written there or in the function it calls."
  def project_list(source, key) do
    value = function_body(source, :project) |> literal() |> pair_value(key)

    list =
      case value do
        {name, _, arguments} when is_atom(name) and arguments in [nil, []] -> source |> function_body(name) |> literal()
        nil when key == :deps -> source |> function_body(:deps) |> literal()
        node -> literal(node)
      end

    if list do
      Container.list(source, list)
    else
      Source.fail(source.file, "#{key} is not a literal list", "write it as `defp #{key} do [...] end`, or edit it by hand")
    end
  end

  @doc "The list of `key: [...]`, the first in the file; nil where there is none."
  def keyed_list(source, key) do
    pairs = fn
      {:__block__, _, [items]} when is_list(items) -> Enum.any?(items, &(Lists.key?(&1, key) and literal(elem(&1, 1)) != nil))
      items when is_list(items) -> Enum.any?(items, &(Lists.key?(&1, key) and literal(elem(&1, 1)) != nil))
      _ -> false
    end

    case first(source.tree, pairs) do
      nil -> nil
      {:__block__, _, [items]} -> Container.list(source, literal(pair_value({:__block__, [], [items]}, key)))
      items -> Container.list(source, literal(pair_value({:__block__, [], [items]}, key)))
    end
  end

  @doc "The list assigned to the variable `name`."
  def assigned_list(source, name) do
    node = first(source.tree, &match?({:=, _, [{^name, _, nil}, _]}, &1))
    list = node && node |> elem(2) |> List.last() |> literal()
    list && Container.list(source, list)
  end

  @doc "{container, index} of the first statement equal to `marker`, or nil."
  def statement(source, marker) do
    wanted = Source.bare(Source.parse!(marker, source.file, "the marker is wrong, nothing was written: correct it").tree)

    {_, found} =
      Macro.prewalk({:top, [], [source.tree]}, nil, fn node, found -> {node, found || holder(source, node, wanted)} end)

    found
  end

  defp holder(source, {:top, [], [tree]}, wanted), do: index_of(Container.top(%{source | tree: tree}), wanted)

  defp holder(source, node, wanted) do
    container = if match?({_, meta, [_ | _]} when is_list(meta), node), do: Container.block(source, node)
    container && index_of(container, wanted)
  end

  defp index_of(container, wanted) do
    index = Enum.find_index(container.items, &(Source.bare(&1) == wanted))
    index && {container, index}
  end

  @doc "The list literal of an expression: itself, or the first of `[...] ++ more`."
  def literal({:++, _, [left, right]}), do: literal(left) || literal(right)
  def literal(node), do: if(Container.list?(node), do: node)

  defp pair_value(nil, _), do: nil

  defp pair_value({:__block__, _, [items]}, key) do
    Enum.find_value(items, fn item -> if Lists.key?(item, key), do: elem(item, 1) end)
  end

  defp function_body(source, name) do
    definition = fn
      {kind, _, [{^name, _, arguments}, [_ | _]]} when kind in [:def, :defp] and arguments in [nil, []] -> true
      _ -> false
    end

    with {_, _, [_, [{_, body} | _]]} <- first(source.tree, definition) do
      body |> Container.statements() |> List.last()
    end
  end
end
