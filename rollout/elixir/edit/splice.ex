defmodule Edit.Splice do
  @moduledoc "Changes of text that are verified: what every kind of edit is made of."

  alias Edit.{Container, Source}

  @width 98

  @doc """
  The source with `splices` ({from, to, text}) done, where it means what it meant with `change` made to the items of the
  container. Raises Edit.Error where it would mean anything else.
  """
  def finish(source, splices, container, change) do
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

  @doc "Items with new ones at `place`: :last, :first, {:before, index} or {:after, index}."
  def insert(items, :last, new), do: items ++ new

  def insert(items, :first, new), do: new ++ items
  def insert(items, {:before, index}, new), do: Enum.take(items, index) ++ new ++ Enum.drop(items, index)
  def insert(items, {:after, index}, new), do: insert(items, {:before, index + 1}, new)

  def blank?(source, from, to), do: String.trim(Source.slice(source, from, to)) == ""

  def newline_size(source, at) do
    case Source.slice(source, at, min(at + 2, byte_size(source.text))) do
      "\r\n" -> 2
      "\n" <> _ -> 1
      _ -> 0
    end
  end

  def fits?(source, offset, code) do
    {from, to} = Source.line_around(source, offset)
    not String.contains?(String.trim(code), "\n") and
      String.length(Source.slice(source, from, to)) + String.length(String.trim(code)) <= @width
  end

  def column_indent(source, offset) do
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

  def code_tree(source, code) do
    Source.parse!(code, source.file, "the code to insert is wrong, nothing was written: correct it").tree
  end
end
