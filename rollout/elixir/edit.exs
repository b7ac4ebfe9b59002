# Edits Elixir files through Elixir's own syntax tree.
#
#   elixir edit.exs add-dep MIX_EXS NAME REQUIREMENT [--only dev,test] [--override] [--runtime true|false]
#   elixir edit.exs remove-dep MIX_EXS NAME
#   elixir edit.exs list-deps MIX_EXS            prints NAME<TAB>SOURCE for each dependency
#   elixir edit.exs apply ROOT EDITS_EXS         EDITS_EXS holds a literal list of operations
#
# Operations: {:append, file, code}                     at the end of the file
#             {:insert_before, file, marker, code}      before the first statement equal to marker
#             {:replace, file, marker, code}            in place of the first statement equal to marker
#             {:module_append, file, code}              at the end of the file's first module
#             {:module_prelude, file, code}             after that module's first `use`
#             {:pipeline_append, file, name, code}      at the end of `pipeline name do`
#             {:child_before, file, child, code}        into `children = [...]`, before child
#             {:list_add, file, key, value}             to the list under key
#             {:alias_add, name, value}                 a new alias of mix.exs
#             {:alias_set, name, value}                 the same, replacing another value
#             {:remove_dep, name}                       a dependency of mix.exs, taken out
#
# The tree only tells where; the text is spliced there, so every other byte stays. Before anything is written, the new
# text is parsed and must equal the old tree with exactly the intended change. All operations of one call are written,
# or none. What is there already is left alone: "unchanged FILE". Errors: exit 3, one line, nothing written.

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

defmodule Edit.Splice do
  @moduledoc "Changes of text. Each takes a source and gives the new one, verified, or :unchanged."

  alias Edit.{Container, Source}

  @width 98

  @doc "Adds statements to a block, at `place`: :last, {:before, index} or {:after, index}."
  def add_statements(source, container, place, code, opts \\ []) do
    added = source |> code_tree(code) |> Source.bare() |> Container.statements()
    existing = Enum.map(container.items, &Source.bare/1)

    if contains?(existing, added) do
      :unchanged
    else
      {at, before, indent, behind} = statement_place(source, container, place, opts)
      text = before <> reindent(code, indent) <> "\n" <> behind
      finish(source, [{at, at, text}], container, &insert(&1, place, added))
    end
  end

  @doc "Puts statements in the place of the one at `index` of a block."
  def replace_statement(source, container, index, code) do
    {from, to} = Enum.at(Container.ranges(source, container), index)
    added = source |> code_tree(code) |> Source.bare() |> Container.statements()
    text = code |> reindent(column_indent(source, from)) |> String.trim_leading()
    finish(source, [{from, to, text}], container, &(&1 |> List.delete_at(index) |> insert({:before, index}, added)))
  end

  @doc "Adds one item to a list, at :last or {:before, index}."
  def add_item(source, container, place, code) do
    item = item_tree(source, code)

    if Enum.any?(container.items, &(Source.bare(&1) == Source.bare(item))) do
      :unchanged
    else
      finish(source, item_splices(source, container, place, code), container, &insert(&1, place, [item]))
    end
  end

  @doc "Replaces the item at `index` of a list."
  def replace_item(source, container, index, code) do
    {from, to} = Enum.at(Container.ranges(source, container), index)
    item = item_tree(source, code)
    text = code |> reindent(column_indent(source, from)) |> String.trim_leading()
    finish(source, [{from, to, text}], container, &List.replace_at(&1, index, item))
  end

  @doc "Removes the item at `index` of a list with its comma, and its line where nothing else is on it."
  def remove_item(source, container, index) do
    ranges = Container.ranges(source, container)
    {from, to} = Enum.at(ranges, index)
    last? = index == length(ranges) - 1
    comma = comma_after(source, to, if(last?, do: container.close, else: elem(Enum.at(ranges, index + 1), 0)))
    {line, _} = Source.line_around(source, from)
    {_, line_end} = Source.line_around(source, comma || to)
    alone? = blank?(source, line, from) and blank_or_comment?(source, comma || to, line_end) and line_end < container.close

    only? = length(ranges) == 1 and blank?(source, container.open, line) and blank?(source, line_end, container.close)

    span =
      cond do
        alone? and only? -> {container.open, container.close, ""}
        alone? -> {line, line_end + newline_size(source, line_end), ""}
        last? and index > 0 -> {elem(Enum.at(ranges, index - 1), 1), comma || to, ""}
        last? -> {from, comma || to, ""}
        true -> {from, elem(Enum.at(ranges, index + 1), 0), ""}
      end

    dangling = if last? and alone? and index > 0 and comma == nil, do: previous_comma(source, ranges, index), else: []
    finish(source, dangling ++ [span], container, &List.delete_at(&1, index))
  end

  @doc "Adds NAME: VALUE, or sets it, in a keyword list. `code` is the source of the whole pair."
  def put_pair(source, container, key, code, set?) do
    [{wanted_key, wanted}] = pair_tree(source, code)

    case Enum.find_index(container.items, &key?(&1, key)) do
      nil ->
        finish(source, item_splices(source, container, :last, code), container, &(&1 ++ [{wanted_key, wanted}]))

      index ->
        {_, value} = Enum.at(container.items, index)

        cond do
          Source.bare(value) == Source.bare(wanted) -> :unchanged
          set? -> replace_pair(source, container, index, code, {wanted_key, wanted})
          true -> :differs
        end
    end
  end

  def key?({{:__block__, _, [name]}, _}, key), do: to_string_or_nil(name) == to_string(key)
  def key?({{{:., _, [:erlang, :binary_to_atom]}, _, [{:<<>>, _, [name]} | _]}, _}, key), do: name == to_string(key)
  def key?(_, _), do: false

  defp to_string_or_nil(name) when is_atom(name), do: Atom.to_string(name)
  defp to_string_or_nil(_), do: nil

  defp replace_pair(source, container, index, code, pair) do
    {from, to} = Enum.at(Container.ranges(source, container), index)
    text = code |> reindent(column_indent(source, from)) |> String.trim_leading()
    finish(source, [{from, to, text}], container, &List.replace_at(&1, index, pair))
  end

  # --- where ---

  defp statement_place(source, container, :last, opts) do
    {line, _} = Source.line_around(source, container.close)
    gap = if opts[:gap] && container.items != [], do: "\n", else: ""

    cond do
      container.kind == :top ->
        newline = if source.text == "" or String.ends_with?(source.text, "\n"), do: "", else: "\n"
        {container.close, newline <> gap, "", ""}

      blank?(source, line, container.close) ->
        {line, gap, Source.indentation(source, container.close) <> "  ", ""}

      true ->
        outer = Source.indentation(source, container.close)
        {Source.end_before(source, container.close, []), "\n", outer <> "  ", outer}
    end
  end

  defp statement_place(source, container, {:before, index}, _) do
    {from, _} = Enum.at(Container.ranges(source, container), index)
    {Source.above_comments(source, from), "", Source.indentation(source, from), "\n"}
  end

  defp statement_place(source, container, {:after, index}, _) do
    {from, to} = Enum.at(Container.ranges(source, container), index)
    {_, line_end} = Source.line_around(source, to)
    {line_end + newline_size(source, line_end), "", Source.indentation(source, from), ""}
  end

  defp statement_place(source, container, :first, _) do
    {_, line_end} = Source.line_around(source, container.open)
    {line_end + newline_size(source, line_end), "", Source.indentation(source, container.open) <> "  ", ""}
  end

  defp item_splices(source, %{items: []} = container, _, code) do
    {line, _} = Source.line_around(source, container.close)
    outer = Source.indentation(source, container.close)

    cond do
      blank?(source, container.open, container.close) and fits?(source, container.open, code) ->
        [{container.open, container.close, String.trim(code)}]

      blank?(source, container.open, container.close) ->
        [{container.open, container.close, "\n" <> reindent(code, outer <> "  ") <> "\n" <> outer}]

      true ->
        [{line, line, reindent(code, outer <> "  ") <> "\n"}]
    end
  end

  defp item_splices(source, container, place, code) do
    ranges = Container.ranges(source, container)
    {_, opening_end} = Source.line_around(source, container.open)

    cond do
      container.close > opening_end -> line_splices(source, container, ranges, place, code)
      fits?(source, container.open, ", " <> code) -> inline_splices(source, container, ranges, place, code)
      true -> [exploded(source, container, ranges, place, code)]
    end
  end

  # One item to a line: behind the last item's comment, or above the comments of the item it goes before.
  defp line_splices(source, container, ranges, :last, code) do
    {from, to} = List.last(ranges)
    {_, line_end} = Source.line_around(source, to)
    comma = comma_after(source, to, container.close)
    indent = column_indent(source, from)

    if container.close <= line_end do
      text = if(comma, do: "", else: ",") <> "\n" <> reindent(code, indent)
      [{comma || to, comma || to, text}]
    else
      behind = if comma, do: ",", else: ""
      separator = if comma, do: [], else: [{to, to, ","}]
      separator ++ [{line_end, line_end, "\n" <> reindent(code, indent) <> behind}]
    end
  end

  defp line_splices(source, _, ranges, {:before, index}, code) do
    {from, _} = Enum.at(ranges, index)
    {line, _} = Source.line_around(source, from)

    if blank?(source, line, from) do
      at = Source.above_comments(source, from)
      [{at, at, reindent(code, column_indent(source, from)) <> ",\n"}]
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
    items = ranges |> Enum.map(fn {from, to} -> Source.slice(source, from, to) end) |> insert(place, [code])
    text = Enum.map_join(items, ",\n", &reindent(&1, outer <> "  "))
    {container.open, container.close, "\n" <> text <> "\n" <> outer}
  end

  # --- how ---

  defp finish(source, splices, container, change) do
    crlf? = String.contains?(source.text, "\r\n")

    text =
      splices
      |> Enum.with_index()
      |> Enum.sort_by(fn {{from, _, _}, index} -> {from, index} end, :desc)
      |> Enum.reduce(source.text, fn {{from, to, new}, _}, text ->
        new = if crlf?, do: String.replace(new, "\n", "\r\n"), else: new
        binary_part(text, 0, from) <> new <> binary_part(text, to, byte_size(text) - to)
      end)

    changed = Source.parse!(text, source.file, "the edit would break it, so nothing was written: edit it by hand")
    intended = Container.update(source.tree, container, change)

    if Source.bare(changed.tree) != Source.bare(intended) do
      Source.fail(source.file, "the edit would change more than was meant", "nothing was written: edit it by hand")
    end

    changed
  end

  defp insert(items, :last, new), do: items ++ new
  defp insert(items, :first, new), do: new ++ items
  defp insert(items, {:before, index}, new), do: Enum.take(items, index) ++ new ++ Enum.drop(items, index)
  defp insert(items, {:after, index}, new), do: insert(items, {:before, index + 1}, new)

  defp contains?(items, part), do: Enum.any?(0..length(items), &(items |> Enum.drop(&1) |> List.starts_with?(part)))

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

  defp blank?(source, from, to), do: String.trim(Source.slice(source, from, to)) == ""
  defp blank_or_comment?(source, from, to), do: Source.slice(source, from, max(from, to)) =~ ~r/^\s*(#.*)?$/

  defp newline_size(source, at) do
    case Source.slice(source, at, min(at + 2, byte_size(source.text))) do
      "\r\n" -> 2
      "\n" <> _ -> 1
      _ -> 0
    end
  end

  defp fits?(source, offset, code) do
    {from, to} = Source.line_around(source, offset)
    not String.contains?(String.trim(code), "\n") and
      String.length(Source.slice(source, from, to)) + String.length(String.trim(code)) <= @width
  end

  defp column_indent(source, offset) do
    {from, _} = Source.line_around(source, offset)
    before = Source.slice(source, from, offset)
    if before =~ ~r/^[\s\[]*$/, do: String.replace(before, "[", " "), else: Source.indentation(source, offset)
  end

  @doc "The code with its common indentation replaced; blank lines stay empty."
  def reindent(code, indent) do
    lines = code |> String.replace("\r\n", "\n") |> String.trim_trailing() |> String.split("\n") |> Enum.drop_while(&(String.trim(&1) == ""))
    widths = for line <- lines, String.trim(line) != "", do: byte_size(line) - byte_size(String.trim_leading(line))
    common = Enum.min(widths, fn -> 0 end)

    Enum.map_join(lines, "\n", fn line ->
      if String.trim(line) == "", do: "", else: indent <> binary_part(line, common, byte_size(line) - common)
    end)
  end

  defp code_tree(source, code) do
    Source.parse!(code, source.file, "the code to insert is wrong, nothing was written: correct it").tree
  end

  defp item_tree(source, code) do
    {:__block__, _, [[item]]} = code_tree(source, "[" <> code <> "\n]")
    Source.bare(item)
  end

  defp pair_tree(source, code) do
    {:__block__, _, [[pair]]} = code_tree(source, "[" <> code <> "\n]")
    [Source.bare(pair)]
  end
end

defmodule Edit.Find do
  @moduledoc "Finds containers. Raises Edit.Error with a way to go on where the file has another shape."

  alias Edit.{Container, Source}

  def first(tree, predicate) do
    {_, found} = Macro.prewalk(tree, nil, fn node, found -> {node, found || if(predicate.(node), do: node)} end)
    found
  end

  def module(source) do
    node = first(source.tree, &match?({:defmodule, _, [_, _]}, &1))
    (node && Container.block(source, node)) || Source.fail(source.file, "has no module with do and end", "name another file")
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
      {:__block__, _, [items]} when is_list(items) -> Enum.any?(items, &(Edit.Splice.key?(&1, key) and literal(elem(&1, 1)) != nil))
      items when is_list(items) -> Enum.any?(items, &(Edit.Splice.key?(&1, key) and literal(elem(&1, 1)) != nil))
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
    Enum.find_value(items, fn item -> if Edit.Splice.key?(item, key), do: elem(item, 1) end)
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

defmodule Edit.Operation do
  @moduledoc "The operations. `run/2` gives the new source, or :unchanged."

  alias Edit.{Container, Find, Source, Splice}

  def file({name, _, _}) when name in [:alias_add, :alias_set], do: "mix.exs"
  def file({:remove_dep, name}) when is_atom(name), do: "mix.exs"
  def file(operation) when is_tuple(operation) and tuple_size(operation) > 1, do: elem(operation, 1)
  def file(_), do: nil

  def run(source, {:append, _, code}), do: Splice.add_statements(source, Container.top(source), :last, code, gap: true)

  def run(source, {:module_append, _, code}) do
    Splice.add_statements(source, Find.module(source), :last, code, gap: true)
  end

  def run(source, {:module_prelude, _, code}) do
    module = Find.module(source)
    named = fn names -> Enum.find_index(module.items, &named?(&1, names)) end

    case named.([:use]) || Enum.find_index(module.items, &match?({:@, _, [{:moduledoc, _, _}]}, &1)) do
      nil -> Splice.add_statements(source, module, :first, code)
      index -> Splice.add_statements(source, module, {:after, index}, code)
    end
  end

  def run(source, {:insert_before, _, marker, code}) do
    case Find.statement(source, marker) do
      nil -> Source.fail(source.file, "has no statement `#{marker}`", "name one that the file has")
      {container, index} -> Splice.add_statements(source, container, {:before, index}, code)
    end
  end

  def run(source, {:replace, _, marker, code}) do
    case {Find.statement(source, code), Find.statement(source, marker)} do
      {{_, _}, nil} -> :unchanged
      {nil, nil} -> Source.fail(source.file, "has no statement `#{marker}`", "name one that the file has")
      {_, {container, index}} -> Splice.replace_statement(source, container, index, code)
    end
  end

  def run(source, {:pipeline_append, _, name, code}) do
    node = Find.first(source.tree, &match?({:pipeline, _, [{:__block__, _, [^name]}, _]}, &1))
    pipeline = node && Container.block(source, node)
    if pipeline == nil, do: Source.fail(source.file, "has no `pipeline #{inspect(name)} do`", "name one that the file has")
    Splice.add_statements(source, pipeline, :last, code)
  end

  def run(source, {:child_before, _, child, code}) do
    list = Find.assigned_list(source, :children)
    if list == nil, do: Source.fail(source.file, "has no `children = [...]`", "edit it by hand")
    wanted = Source.bare(Source.parse!(child, source.file, "the child is wrong, nothing was written: correct it").tree)

    case Enum.find_index(list.items, &child?(Source.bare(&1), wanted)) do
      nil -> Source.fail(source.file, "children has no #{child}", "name one that the list has")
      index -> Splice.add_item(source, list, {:before, index}, code)
    end
  end

  def run(source, {:list_add, _, key, value}) do
    case {Find.keyed_list(source, key), Find.literal(source.tree)} do
      {nil, nil} -> Source.fail(source.file, "has no list under #{key}", "add `#{key}: []` to it by hand")
      {nil, whole} -> Splice.put_pair(source, Container.list(source, whole), key, "#{pair_key(key)} [#{value}]", false)
      {list, _} -> Splice.add_item(source, list, :last, value)
    end
  end

  def run(source, {operation, name, value}) when operation in [:alias_add, :alias_set] do
    list = Find.project_list(source, :aliases)

    case Splice.put_pair(source, list, name, "#{pair_key(name)} #{value}", operation == :alias_set) do
      :differs -> Source.fail(source.file, "the alias #{name} has another value", "use alias_set to replace it")
      result -> result
    end
  end

  def run(source, {:add_dep, name, requirement, options}) do
    list = Find.project_list(source, :deps)
    code = render_dep(name, requirement, options)
    pair = "#{name}: #{inspect(requirement)}"

    # In `[a: "~> 1.0"]` a tuple can only stand before the pairs.
    case Enum.map(named_deps(list, name), &{&1, Enum.at(list.items, &1)}) do
      [] -> Splice.add_item(source, list, if(pair?(List.last(list.items)), do: {:before, 0}, else: :last), code)
      [{_, item}] when options == [] and tuple_size(item) == 2 -> Splice.put_pair(source, list, name, pair, true)
      [{index, item}] -> if same_dep?(item, code), do: :unchanged, else: Splice.replace_item(source, list, index, code)
      _ -> Source.fail(source.file, "names #{name} more than once", "leave one of them")
    end
  end

  def run(source, {:remove_dep, name}) do
    list = Find.project_list(source, :deps)

    case named_deps(list, name) do
      [] -> :unchanged
      [index] -> Splice.remove_item(source, list, index)
      _ -> Source.fail(source.file, "names #{name} more than once", "leave one of them")
    end
  end

  def run(source, operation), do: Source.fail(source.file, "unknown operation #{inspect(operation)}", "see the head of edit.exs")

  @doc "{name, source on one line} of each dependency."
  def deps(source) do
    list = Find.project_list(source, :deps)

    for {item, {from, to}} <- Enum.zip(list.items, Container.ranges(source, list)), name = dep_name(item) do
      {name, source |> Source.slice(from, to) |> on_one_line()}
    end
  end

  defp on_one_line(code) do
    code |> Code.string_to_quoted!() |> Code.quoted_to_algebra() |> Inspect.Algebra.format(:infinity) |> IO.iodata_to_binary()
  end

  defp render_dep(name, requirement, []), do: "{#{inspect(name)}, #{inspect(requirement)}}"

  defp render_dep(name, requirement, options) do
    "{#{inspect(name)}, #{inspect(requirement)}, #{Enum.map_join(options, ", ", fn {key, value} -> "#{key}: #{inspect(value)}" end)}}"
  end

  defp named_deps(list, name) do
    for {item, index} <- Enum.with_index(list.items), dep_name(item) == name, do: index
  end

  defp pair?(item), do: is_tuple(item) and tuple_size(item) == 2

  defp dep_name({:__block__, _, [{{:__block__, _, [name]}, _}]}) when is_atom(name), do: name
  defp dep_name({:{}, _, [{:__block__, _, [name]} | _]}) when is_atom(name), do: name
  # `[heroicons: "~> 0.5"]`
  defp dep_name({{:__block__, _, [name]}, _}) when is_atom(name), do: name
  defp dep_name(_), do: nil

  # The order of options does not matter.
  defp same_dep?(item, code), do: dep_parts(Source.bare(item)) == dep_parts(Source.bare(Code.string_to_quoted!(code, literal_encoder: &{:ok, {:__block__, &2, [&1]}})))

  defp dep_parts({:__block__, _, [{name, requirement}]}), do: [name, requirement]
  defp dep_parts({name, requirement}), do: [name, requirement]
  defp dep_parts({:{}, _, [name, requirement, options]}) when is_list(options), do: [name, requirement, Enum.sort(options)]
  defp dep_parts({:{}, _, [name, requirement, {:__block__, _, [options]}]}), do: [name, requirement, Enum.sort(options)]
  defp dep_parts(other), do: other

  defp pair_key(name), do: [{:"#{name}", 0}] |> inspect() |> String.slice(1..-3//1) |> String.trim_trailing() |> String.trim_trailing("0") |> String.trim()

  defp child?(item, wanted) when item == wanted, do: true
  defp child?({:__block__, _, [{first, _}]}, wanted), do: first == wanted
  defp child?({:{}, _, [first | _]}, wanted), do: first == wanted
  defp child?(_, _), do: false

  defp named?({name, _, _}, names), do: name in names
  defp named?(_, _), do: false
end

defmodule Edit.CLI do
  alias Edit.{Operation, Source}

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
    for {name, code} <- file |> read!() |> Operation.deps(), do: IO.puts("#{name}\t#{code}")
  end

  defp command(["apply", root, edits]) do
    edit(for operation <- operations!(edits), do: {path!(edits, root, operation), operation})
  end

  defp command(arguments) do
    Source.fail("command line", "#{inspect(arguments)} is not a command", "see the head of edit.exs")
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
      _ -> Source.fail(file, "is not a literal list of operations", "see the head of edit.exs")
    end
  end

  # ~S is a literal to a reader, though a macro to Elixir.
  defp sigil({:sigil_S, _, [{:<<>>, _, [text]}, []]}), do: text
  defp sigil(node), do: node

  defp path!(edits, root, operation) do
    file = Operation.file(operation)

    case is_binary(file) and Path.safe_relative(file) do
      {:ok, relative} -> Path.join(root, relative)
      _ -> Source.fail(edits, "operation #{inspect(operation)} names no file below the root", "see the head of edit.exs")
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

# Compiled once (elixirc, with this variable set), a call costs a third of what the script costs.
unless System.get_env("XAVOS_EDIT_COMPILE"), do: Edit.CLI.main(System.argv())
