defmodule Edit.Statements do
  @moduledoc "Statements of files and modules: added or replaced."

  alias Edit.{Container, Find, Source, Splice}

  @doc "Adds statements at the end of the file, after a blank line."
  def append(source, code) do
    top = Container.top(source)
    newline = if source.text == "" or String.ends_with?(source.text, "\n"), do: "", else: "\n"
    gap = if top.items == [], do: "", else: "\n"
    add(source, top, :last, code, {top.close, newline <> gap, ""})
  end

  @doc "Adds statements after the first `use` of the first module, else after its @moduledoc, else at its beginning."
  def prelude(source, code) do
    module = Find.module(source)

    case Enum.find_index(module.items, &use?/1) || Enum.find_index(module.items, &moduledoc?/1) do
      nil ->
        indent = Source.indentation(source, module.open) <> "  "
        add(source, module, :first, code, {next_line(source, module.open), "", indent})

      index ->
        {from, to} = Enum.at(Container.ranges(source, module), index)
        add(source, module, {:after, index}, code, {next_line(source, to), "", Source.indentation(source, from)})
    end
  end

  @doc "Puts statements in the place of the first one equal to `marker`."
  def replace(source, marker, code) do
    case {Find.statement(source, code), Find.statement(source, marker)} do
      {{_, _}, nil} -> :unchanged
      {nil, nil} -> Source.fail(source.file, "has no statement `#{marker}`", "name one that the file has")
      {_, {container, index}} -> replace_at(source, container, index, code)
    end
  end

  defp replace_at(source, container, index, code) do
    {from, to} = Enum.at(Container.ranges(source, container), index)
    added = statements(source, code)
    text = code |> Splice.reindent(Splice.column_indent(source, from)) |> String.trim_leading()
    change = &(&1 |> List.delete_at(index) |> Splice.insert({:before, index}, added))
    Splice.finish(source, [{from, to, text}], container, change)
  end

  defp add(source, container, place, code, {at, before, indent}) do
    added = statements(source, code)

    if contains?(Enum.map(container.items, &Source.bare/1), added) do
      :unchanged
    else
      text = before <> Splice.reindent(code, indent) <> "\n"
      Splice.finish(source, [{at, at, text}], container, &Splice.insert(&1, place, added))
    end
  end

  defp statements(source, code), do: source |> Splice.code_tree(code) |> Source.bare() |> Container.statements()

  defp contains?(items, part), do: Enum.any?(0..length(items), &(items |> Enum.drop(&1) |> List.starts_with?(part)))

  defp next_line(source, offset) do
    {_, line_end} = Source.line_around(source, offset)
    line_end + Splice.newline_size(source, line_end)
  end

  defp use?(node), do: match?({:use, _, _}, node)
  defp moduledoc?(node), do: match?({:@, _, [{:moduledoc, _, _}]}, node)
end
