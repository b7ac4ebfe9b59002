defmodule Migrations.Values do
  @moduledoc """
  What code is worth, as far as that can be known without running it.

  Literals, module attributes, variables bound to them, `<>`, interpolation, `fragment` and `references` are known.
  A map `%{unknown: source}` stands for everything else.
  """

  @doc "{:ok, term}, or :unknown if any part of it is unknown."
  def value(code, env) do
    found = known(code, env)
    if unknown?(found), do: :unknown, else: {:ok, found}
  end

  @doc "The term, with unknown parts in it."
  def known(code, env)

  def known(code, _) when is_atom(code) or is_number(code) or is_binary(code), do: code
  def known(code, env) when is_list(code), do: Enum.map(code, &known(&1, env))
  def known({left, right}, env), do: {known(left, env), known(right, env)}
  def known({:{}, _, items}, env), do: items |> Enum.map(&known(&1, env)) |> List.to_tuple()
  def known({:%{}, _, pairs}, env), do: pairs |> Enum.map(&known(&1, env)) |> map(pairs)
  def known({:-, _, [number]}, _) when is_number(number), do: -number
  def known({:__block__, _, [one]}, env), do: known(one, env)
  def known({:@, _, [{name, _, context}]} = code, env) when is_atom(context), do: fetch(env.attributes, name, code)
  def known({:fragment, _, [sql | rest]}, env), do: %{fragment: text(sql, env), arguments: length(rest)}

  def known({:references, _, [table | rest]}, env) do
    %{references: name(known(table, env)), options: Map.new(options(rest, env))}
  end

  def known({:<>, _, [left, right]} = code, env) do
    case {known(left, env), known(right, env)} do
      {left, right} when is_binary(left) and is_binary(right) -> left <> right
      _ -> unknown(code)
    end
  end

  def known({:<<>>, _, parts} = code, env) do
    texts = Enum.map(parts, &part(&1, env))
    if Enum.all?(texts, &is_binary/1), do: Enum.join(texts), else: unknown(code)
  end

  def known({:sigil_w, _, [text, mark]} = code, env) do
    with text when is_binary(text) <- known(text, env) do
      words = String.split(text)
      if mark == ~c"a", do: Enum.map(words, &String.to_atom/1), else: words
    else
      _ -> unknown(code)
    end
  end

  def known({sigil, _, [text, []]}, env) when sigil in [:sigil_s, :sigil_S], do: known(text, env)
  def known({sigil, _, [_, []]} = code, _) when sigil in [:sigil_U, :sigil_D, :sigil_N, :sigil_T], do: Macro.to_string(code)
  def known({name, _, context} = code, env) when is_atom(name) and is_atom(context), do: fetch(env.variables, name, code)
  def known(code, _), do: unknown(code)

  @doc "SQL or another text. Where a part is unknown, the text keeps the source of it as `\#{…}`, and a second value says so."
  def template(code, env) do
    case known(code, env) do
      text when is_binary(text) -> {text, []}
      _ -> parts(code, env)
    end
  end

  @doc "The name of a table or column as text; the map of an unknown one stays."
  def name(%{unknown: _} = unknown), do: unknown
  def name(name) when is_atom(name) or is_binary(name), do: to_string(name)
  def name(other), do: %{unknown: inspect(other)}

  @doc "The keyword list that a call may end with."
  def options([], _), do: []

  def options([code | _], env) do
    case known(code, env) do
      pairs when is_list(pairs) -> if Keyword.keyword?(pairs), do: pairs, else: [unknown: Macro.to_string(code)]
      _ -> [unknown: Macro.to_string(code)]
    end
  end

  def statements({:__block__, _, many}), do: many
  def statements(one), do: [one]

  def unknown(code), do: %{unknown: code |> Macro.to_string() |> String.slice(0, 200)}

  def unknown?(%{unknown: _}), do: true
  def unknown?(value) when is_map(value), do: value |> Map.values() |> Enum.any?(&unknown?/1)
  def unknown?(value) when is_list(value), do: Enum.any?(value, &unknown?/1)
  def unknown?(value) when is_tuple(value), do: value |> Tuple.to_list() |> Enum.any?(&unknown?/1)
  def unknown?(_), do: false

  defp map(pairs, code) do
    if Enum.all?(pairs, &is_tuple/1), do: Map.new(pairs), else: unknown({:%{}, [], code})
  end

  defp fetch(known, name, code), do: Map.get_lazy(known, name, fn -> unknown(code) end)

  defp part(text, _) when is_binary(text), do: text

  defp part({:"::", _, [{{:., _, [Kernel, :to_string]}, _, [code]}, _]}, env) do
    case known(code, env) do
      value when is_binary(value) or is_number(value) or is_atom(value) -> to_string(value)
      other -> other
    end
  end

  defp part(code, _), do: unknown(code)

  defp text(code, env), do: code |> template(env) |> elem(0)

  defp parts({:<<>>, _, parts}, env) do
    texts = for part <- parts, do: with(%{unknown: source} <- part(part, env), do: {"\#{#{source}}", source})
    {Enum.map_join(texts, &with({text, _} <- &1, do: text)), for({_, source} <- texts, do: source)}
  end

  defp parts({:<>, _, [left, right]}, env) do
    {{before, missing}, {rest, more}} = {template(left, env), template(right, env)}
    {before <> rest, missing ++ more}
  end

  defp parts(code, _) do
    %{unknown: source} = unknown(code)
    {"\#{#{source}}", [source]}
  end
end
