defmodule Edit.Error do
  defexception [:message]
end

defmodule Edit.Source do
  @moduledoc "A file's text with its tree. Positions are byte offsets; nodes keep {line, column} in their metadata."

  defstruct [:file, :text, :tree, :comments, :lines]

  @options [columns: true, token_metadata: true, unescape: false, emit_warnings: false]

  def parse!(text, file, advice) do
    if not String.valid?(text), do: fail(file, "is not UTF-8 text", advice)
    encode = fn literal, meta -> {:ok, {:__block__, meta, [literal]}} end

    case Code.string_to_quoted_with_comments(text, [literal_encoder: encode] ++ @options) do
      {:ok, tree, comments} ->
        %__MODULE__{file: file, text: text, tree: tree, comments: comments, lines: lines(text)}

      {:error, {meta, message, token}} ->
        reason = one_line("#{message(message)}#{token}")
        fail(file, "does not parse: line #{meta[:line]}: #{reason}", advice)
    end
  end

  def fail(file, what, advice), do: raise(Edit.Error, "#{file}: #{one_line(what)}; #{advice}")

  def one_line(text), do: text |> String.replace(~r/\s+/, " ") |> String.trim()

  @doc "The tree without metadata: equal when two sources mean the same."
  def bare(tree), do: Macro.prewalk(tree, &Macro.update_meta(&1, fn _ -> [] end))

  @doc "Byte offset of {line, column}; columns count code points, as the tokenizer does."
  def offset(source, {line, column}) do
    {from, content} = elem(source.lines, line - 1)
    from + byte_size(content |> String.codepoints() |> Enum.take(column - 1) |> Enum.join())
  end

  @doc "{line, column} where a node begins: the least position below it."
  def start({_, _} = pair), do: start([elem(pair, 0), elem(pair, 1)])

  def start(node) do
    {_, positions} = Macro.prewalk(node, [], fn node, seen -> {node, positions(node) ++ seen} end)
    Enum.min(positions)
  end

  @doc "Offsets {line_start, line_end}, without the newline, of the line that holds `offset`."
  def line_around(source, offset) do
    {from, content} = source.lines |> Tuple.to_list() |> Enum.filter(fn {from, _} -> from <= offset end) |> List.last()
    {from, from + byte_size(content)}
  end

  def slice(source, from, to), do: binary_part(source.text, from, to - from)

  @doc "The spaces and tabs that a line begins with."
  def indentation(source, offset) do
    {from, to} = line_around(source, offset)
    [spaces] = Regex.run(~r/^[ \t]*/, slice(source, from, to))
    spaces
  end

  @doc "Walks back from `offset` over white space, comments and separators: the end of what stands before it."
  def end_before(source, offset, separators) do
    comment = Enum.find(comment_ranges(source), fn {from, to} -> from < offset and offset <= to end)

    cond do
      comment -> end_before(source, elem(comment, 0), separators)
      offset == 0 -> 0
      :binary.at(source.text, offset - 1) in (~c" \t\r\n" ++ separators) -> end_before(source, offset - 1, separators)
      true -> offset
    end
  end

  @doc "Walks up from `offset` over the comment lines right above it: the start of the topmost line."
  def above_comments(source, offset) do
    {from, _} = line_around(source, offset)

    with true <- from > 0,
         {above, to} = line_around(source, from - 1),
         true <- slice(source, above, to) =~ ~r/^\s*#/,
         true <- Enum.any?(comment_ranges(source), fn {at, _} -> above <= at and at <= to end) do
      above_comments(source, above)
    else
      _ -> from
    end
  end

  def comment_ranges(source) do
    for %{line: line, column: column, text: text} <- source.comments do
      from = offset(source, {line, column})
      {from, from + byte_size(text)}
    end
  end

  defp positions({_, meta, _}) when is_list(meta) do
    for place <- [meta | Keyword.get_values(meta, :parens)], place[:line], do: {place[:line], place[:column]}
  end

  defp positions(_), do: []

  defp message({before, rest}), do: "#{before}#{rest}"
  defp message(message), do: message

  defp lines(text) do
    {lines, _} = text |> String.split("\n") |> Enum.map_reduce(0, &{{&2, String.trim_trailing(&1, "\r")}, &2 + byte_size(&1) + 1})
    List.to_tuple(lines)
  end
end
