defmodule Edit.Container do
  @moduledoc "A list literal or a block: what operations add to, replace in and remove from. Offsets are bytes."

  alias Edit.Source

  defstruct [:kind, :at, :items, :open, :close]

  def list?({:__block__, meta, [items]}) when is_list(items), do: is_list(meta[:closing])
  def list?(_), do: false

  @doc "Container of a list node."
  def list(source, {:__block__, meta, [items]}) do
    at = {meta[:line], meta[:column]}
    close = Source.offset(source, {meta[:closing][:line], meta[:closing][:column]})
    %__MODULE__{kind: :list, at: at, items: items, open: Source.offset(source, at) + 1, close: close}
  end

  @doc "Container of the `do` block of a call; nil where it has none with an `end`."
  def block(source, {_, meta, arguments}) when is_list(arguments) do
    with [_ | _] = finish <- meta[:end], [{{:__block__, _, [:do]}, body} | _] <- List.last(arguments) do
      open = Source.offset(source, {meta[:do][:line], meta[:do][:column]}) + 2
      close = Source.offset(source, {finish[:line], finish[:column]})
      %__MODULE__{kind: :block, at: {meta[:line], meta[:column]}, items: statements(body), open: open, close: close}
    else
      _ -> nil
    end
  end

  def block(_, _), do: nil

  @doc "Container of the whole file."
  def top(source) do
    %__MODULE__{kind: :top, items: statements(source.tree), open: 0, close: byte_size(source.text)}
  end

  @doc "Offsets {from, to} of every item."
  def ranges(source, container) do
    starts = Enum.map(container.items, &Source.offset(source, Source.start(&1)))
    separators = if container.kind == :list, do: ~c",", else: ~c";"
    ends = starts |> Enum.drop(1) |> Enum.concat([container.close]) |> Enum.map(&Source.end_before(source, &1, separators))
    Enum.zip(starts, Enum.take(ends, length(starts)))
  end

  @doc "The tree of the source with `change` applied to the container's items. What is new must carry no positions."
  def update(tree, %{kind: :top}, change), do: body(change.(statements(tree)))

  def update(tree, container, change) do
    Macro.prewalk(tree, fn node ->
      cond do
        not at?(node, container.at) ->
          node

        container.kind == :list and list?(node) ->
          {:__block__, meta, [items]} = node
          {:__block__, meta, [change.(items)]}

        container.kind == :block and is_list(elem(node, 1)[:do]) ->
          {name, meta, arguments} = node
          [{do_key, old} | rest] = List.last(arguments)
          {name, Keyword.delete(meta, :do), List.replace_at(arguments, -1, [{do_key, body(change.(statements(old)))} | rest])}

        true ->
          node
      end
    end)
  end

  def statements({:__block__, _, []}), do: []
  def statements({:__block__, _, [{_, _, _} | _] = many}), do: many
  def statements(one), do: [one]

  defp body([one]), do: one
  defp body(many), do: {:__block__, [], many}

  defp at?({_, meta, _}, at) when is_list(meta), do: {meta[:line], meta[:column]} == at
  defp at?(_, _), do: false
end
