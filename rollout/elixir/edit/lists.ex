defmodule Edit.Lists do
  @moduledoc "Items of list literals: added, replaced, removed, each with its comma and in the style of its list."

  alias Edit.{Container, Source, Splice}

  @doc "Adds one item to a list, at :last or {:before, index}."
  def add_item(source, container, place, code) do
    item = item_tree(source, code)

    if Enum.any?(container.items, &(Source.bare(&1) == Source.bare(item))) do
      :unchanged
    else
      Splice.finish(source, item_splices(source, container, place, code), container, &Splice.insert(&1, place, [item]))
    end
  end

  @doc "Replaces the item at `index` of a list."
  def replace_item(source, container, index, code) do
    {from, to} = Enum.at(Container.ranges(source, container), index)
    item = item_tree(source, code)
    text = code |> Splice.reindent(Splice.column_indent(source, from)) |> String.trim_leading()
    Splice.finish(source, [{from, to, text}], container, &List.replace_at(&1, index, item))
  end

  @doc "Removes the item at `index` of a list with its comma, and its line where nothing else is on it."
  def remove_item(source, container, index) do
    ranges = Container.ranges(source, container)
    {from, to} = Enum.at(ranges, index)
    last? = index == length(ranges) - 1
    comma = comma_after(source, to, if(last?, do: container.close, else: elem(Enum.at(ranges, index + 1), 0)))
    {line, _} = Source.line_around(source, from)
    {_, line_end} = Source.line_around(source, comma || to)
    alone? = Splice.blank?(source, line, from) and blank_or_comment?(source, comma || to, line_end) and line_end < container.close

    only? = length(ranges) == 1 and Splice.blank?(source, container.open, line) and Splice.blank?(source, line_end, container.close)

    span =
      cond do
        alone? and only? -> {container.open, container.close, ""}
        alone? -> {line, line_end + Splice.newline_size(source, line_end), ""}
        last? and index > 0 -> {elem(Enum.at(ranges, index - 1), 1), comma || to, ""}
        last? -> {from, comma || to, ""}
        true -> {from, elem(Enum.at(ranges, index + 1), 0), ""}
      end

    dangling = if last? and alone? and index > 0 and comma == nil, do: previous_comma(source, ranges, index), else: []
    Splice.finish(source, dangling ++ [span], container, &List.delete_at(&1, index))
  end

  @doc "Sets NAME: VALUE in a keyword list, at its end where it is new. `code` is the source of the whole pair."
  def put_pair(source, container, key, code) do
    [{wanted_key, wanted}] = pair_tree(source, code)

    case Enum.find_index(container.items, &key?(&1, key)) do
      nil ->
        Splice.finish(source, item_splices(source, container, :last, code), container, &(&1 ++ [{wanted_key, wanted}]))

      index ->
        {_, value} = Enum.at(container.items, index)

        if Source.bare(value) == Source.bare(wanted),
          do: :unchanged,
          else: replace_pair(source, container, index, code, {wanted_key, wanted})
    end
  end

  def key?({{:__block__, _, [name]}, _}, key), do: to_string_or_nil(name) == to_string(key)
  def key?({{{:., _, [:erlang, :binary_to_atom]}, _, [{:<<>>, _, [name]} | _]}, _}, key), do: name == to_string(key)
  def key?(_, _), do: false

  defp to_string_or_nil(name) when is_atom(name), do: Atom.to_string(name)
  defp to_string_or_nil(_), do: nil

  defp replace_pair(source, container, index, code, pair) do
    {from, to} = Enum.at(Container.ranges(source, container), index)
    text = code |> Splice.reindent(Splice.column_indent(source, from)) |> String.trim_leading()
    Splice.finish(source, [{from, to, text}], container, &List.replace_at(&1, index, pair))
  end

  defp item_splices(source, %{items: []} = container, _, code) do
    {line, _} = Source.line_around(source, container.close)
    outer = Source.indentation(source, container.close)

    cond do
      Splice.blank?(source, container.open, container.close) and Splice.fits?(source, container.open, code) ->
        [{container.open, container.close, String.trim(code)}]

      Splice.blank?(source, container.open, container.close) ->
        [{container.open, container.close, "\n" <> Splice.reindent(code, outer <> "  ") <> "\n" <> outer}]

      true ->
        [{line, line, Splice.reindent(code, outer <> "  ") <> "\n"}]
    end
  end

  defp item_splices(source, container, place, code) do
    ranges = Container.ranges(source, container)
    {_, opening_end} = Source.line_around(source, container.open)

    cond do
      container.close > opening_end -> line_splices(source, container, ranges, place, code)
      Splice.fits?(source, container.open, ", " <> code) -> inline_splices(source, container, ranges, place, code)
      true -> [exploded(source, container, ranges, place, code)]
    end
  end

  # One item to a line: behind the last item's comment, or above the comments of the item it goes before.
  defp line_splices(source, container, ranges, :last, code) do
    {from, to} = List.last(ranges)
    {_, line_end} = Source.line_around(source, to)
    comma = comma_after(source, to, container.close)
    indent = Splice.column_indent(source, from)

    if container.close <= line_end do
      text = if(comma, do: "", else: ",") <> "\n" <> Splice.reindent(code, indent)
      [{comma || to, comma || to, text}]
    else
      behind = if comma, do: ",", else: ""
      separator = if comma, do: [], else: [{to, to, ","}]
      separator ++ [{line_end, line_end, "\n" <> Splice.reindent(code, indent) <> behind}]
    end
  end

  defp line_splices(source, _, ranges, {:before, index}, code) do
    {from, _} = Enum.at(ranges, index)
    {line, _} = Source.line_around(source, from)

    if Splice.blank?(source, line, from) do
      at = Source.above_comments(source, from)
      [{at, at, Splice.reindent(code, Splice.column_indent(source, from)) <> ",\n"}]
    else
      [{from, from, String.trim(code) <> ", "}]
    end
  end

  defp inline_splices(source, container, ranges, :last, code) do
    {_, to} = List.last(ranges)
    comma = comma_after(source, to, container.close)
    at = comma || to
    [{at, at, if(comma, do: " ", else: ", ") <> String.trim(code)}]
  end

  defp inline_splices(_, _, ranges, {:before, index}, code) do
    {from, _} = Enum.at(ranges, index)
    [{from, from, String.trim(code) <> ", "}]
  end

  # A list that has outgrown its line gets one item to a line, as the formatter would write it.
  defp exploded(source, container, ranges, place, code) do
    outer = Source.indentation(source, container.open)
    items = ranges |> Enum.map(fn {from, to} -> Source.slice(source, from, to) end) |> Splice.insert(place, [code])
    text = Enum.map_join(items, ",\n", &Splice.reindent(&1, outer <> "  "))
    {container.open, container.close, "\n" <> text <> "\n" <> outer}
  end

  defp comma_after(source, from, to) do
    comments = Source.comment_ranges(source)
    inside? = fn at -> Enum.any?(comments, fn {start, stop} -> start <= at and at < stop end) end

    case Enum.find(from..(to - 1)//1, &(:binary.at(source.text, &1) == ?, and not inside?.(&1))) do
      nil -> nil
      at -> at + 1
    end
  end

  defp previous_comma(source, ranges, index) do
    {_, before} = Enum.at(ranges, index - 1)
    comma = comma_after(source, before, elem(Enum.at(ranges, index), 0))
    [{comma - 1, comma, ""}]
  end

  defp blank_or_comment?(source, from, to), do: Source.slice(source, from, max(from, to)) =~ ~r/^\s*(#.*)?$/

  defp item_tree(source, code) do
    {:__block__, _, [[item]]} = Splice.code_tree(source, "[" <> code <> "\n]")
    Source.bare(item)
  end

  defp pair_tree(source, code) do
    {:__block__, _, [[pair]]} = Splice.code_tree(source, "[" <> code <> "\n]")
    [Source.bare(pair)]
  end
end
