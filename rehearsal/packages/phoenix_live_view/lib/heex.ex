defmodule Phoenix.LiveView.TagEngine do
  @moduledoc false
  # A HEEx template becomes Elixir source that builds iodata: a tokenizer, then one recursive walk.

  @void ~w(area base br col embed hr img input link meta source track wbr)

  defmodule ParseError do
    defexception [:message]
  end

  @doc "The quoted expression of a template; `assigns` must be bound where it is used."
  def compile(source, env) do
    {nodes, []} = source |> tokens([]) |> nodes([], nil)

    nodes
    |> list(env)
    |> Code.string_to_quoted!(file: env.file, line: env.line)
    |> Macro.prewalk(fn
      {:@, _, [{name, _, context}]} when is_atom(context) ->
        quote(do: Phoenix.Component.__fetch__(var!(assigns), unquote(name)))

      other ->
        other
    end)
    |> then(
      &quote do
        _ = var!(assigns)
        {:safe, unquote(&1)}
      end
    )
  end

  # tokenizer

  defp tokens("", out), do: Enum.reverse(out)
  defp tokens("<%!--" <> rest, out), do: rest |> until("--%>") |> elem(1) |> tokens(out)
  defp tokens("<%#" <> rest, out), do: rest |> until("%>") |> elem(1) |> tokens(out)
  defp tokens("<%%" <> rest, out), do: tokens(rest, [{:text, "<%"} | out])
  defp tokens("<%=" <> rest, out), do: eex(rest, out)
  defp tokens("<%" <> rest, out), do: eex(rest, out)

  defp tokens("<!--" <> rest, out) do
    {comment, rest} = until(rest, "-->")
    tokens(rest, [{:text, "<!--" <> comment <> "-->"} | out])
  end

  defp tokens("</" <> rest, out) do
    {name, rest} = until(rest, ">")
    tokens(rest, [{:close, String.trim(name)} | out])
  end

  defp tokens(<<"<", char, _::binary>> = text, out) when char in ?a..?z or char in ?A..?Z or char in [?., ?:] do
    [_, name] = Regex.run(~r/^<([.:]?[\w.\-:?!]*)/, text)
    rest = binary_part(text, byte_size(name) + 1, byte_size(text) - byte_size(name) - 1)
    {attributes, closed?, rest} = attributes(rest, [])
    out = [{:open, name, attributes, closed? or name in @void} | out]
    if name in ["script", "style"] and not closed?, do: verbatim(name, rest, out), else: tokens(rest, out)
  end

  defp tokens("{" <> rest, out) do
    {code, rest} = braces(rest, "")
    tokens(rest, [{:code, code} | out])
  end

  defp tokens(<<char::utf8, rest::binary>>, [{:text, text} | out]),
    do: tokens(rest, [{:text, text <> <<char::utf8>>} | out])

  defp tokens(<<char::utf8, rest::binary>>, out), do: tokens(rest, [{:text, <<char::utf8>>} | out])

  defp verbatim(name, rest, out) do
    {body, rest} = until(rest, "</" <> name)
    tokens("</" <> name <> rest, body |> script() |> Enum.reverse() |> Kernel.++(out))
  end

  defp script(body) do
    case String.split(body, "<%=", parts: 2) do
      [text] ->
        [{:text, text}]

      [text, rest] ->
        {code, rest} = until(rest, "%>")
        [{:text, text}, {:code, code} | script(rest)]
    end
  end

  defp eex(rest, out) do
    {code, rest} = until(rest, "%>")
    code = String.trim(code)

    token =
      cond do
        code =~ ~r/^end\b.*(do|->)$/s -> {:middle, code}
        code =~ ~r/^end\b/ -> {:end, code}
        code =~ ~r/(\bdo|\bfn.*->)$/s -> {:start, code}
        code == "else" or code =~ ~r/->$/ -> {:middle, code}
        true -> {:code, code}
      end

    tokens(rest, [token | out])
  end

  defp attributes(text, found) do
    case String.trim_leading(text) do
      "/>" <> rest ->
        {Enum.reverse(found), true, rest}

      ">" <> rest ->
        {Enum.reverse(found), false, rest}

      "{" <> rest ->
        {code, rest} = braces(rest, "")
        attributes(rest, [{:root, code} | found])

      "<%!--" <> rest ->
        rest |> until("--%>") |> elem(1) |> attributes(found)

      text ->
        [name] =
          Regex.run(~r/^[^\s=\/>{]+/, text) ||
            raise ParseError, message: "bad attribute near #{String.slice(text, 0, 40)}"

        {value, rest} = text |> binary_part(byte_size(name), byte_size(text) - byte_size(name)) |> value()
        attributes(rest, [{name, value} | found])
    end
  end

  defp value(text) do
    case String.trim_leading(text) do
      "=" <> rest -> given(String.trim_leading(rest))
      _ -> {true, text}
    end
  end

  defp given("{" <> rest) do
    {code, rest} = braces(rest, "")
    {{:code, code}, rest}
  end

  defp given(<<quote, rest::binary>>) when quote in [?", ?'], do: until(rest, <<quote>>)

  defp braces("}" <> rest, code), do: {code, rest}

  defp braces("{" <> rest, code) do
    {inner, rest} = braces(rest, "")
    braces(rest, code <> "{" <> inner <> "}")
  end

  defp braces("\"" <> rest, code) do
    {text, rest} = quoted(rest, "")
    braces(rest, code <> "\"" <> text <> "\"")
  end

  defp braces(<<char::utf8, rest::binary>>, code), do: braces(rest, code <> <<char::utf8>>)
  defp braces("", code), do: raise(ParseError, message: "expected closing `}` for expression {#{code}")

  defp quoted("\\" <> <<char::utf8, rest::binary>>, text), do: quoted(rest, text <> "\\" <> <<char::utf8>>)
  defp quoted("\"" <> rest, text), do: {text, rest}

  defp quoted("\#{" <> rest, text) do
    {inner, rest} = braces(rest, "")
    quoted(rest, text <> "\#{" <> inner <> "}")
  end

  defp quoted(<<char::utf8, rest::binary>>, text), do: quoted(rest, text <> <<char::utf8>>)

  defp until(text, mark) do
    case String.split(text, mark, parts: 2) do
      [before, rest] -> {before, rest}
      [_] -> raise ParseError, message: "expected #{mark}"
    end
  end

  # tree: nodes up to the close of `tag`, or up to a middle or end token

  defp nodes([], out, nil), do: {Enum.reverse(out), []}
  defp nodes([], _, tag), do: raise(ParseError, message: "end of template reached without closing tag for <#{tag}>")
  defp nodes([{:close, tag} | rest], out, tag), do: {Enum.reverse(out), rest}

  defp nodes([{:close, tag} | _], _, other),
    do: raise(ParseError, message: "unmatched closing tag </#{tag}>, expected </#{other}>")

  defp nodes([{kind, _} | _] = rest, out, :eex) when kind in [:middle, :end], do: {Enum.reverse(out), rest}

  defp nodes([{:start, code} | rest], out, tag) do
    {parts, rest} = block(rest, [{:start, code}])
    nodes(rest, [{:block, parts} | out], tag)
  end

  defp nodes([{:open, name, attributes, true} | rest], out, tag),
    do: nodes(rest, [{:tag, name, attributes, []} | out], tag)

  defp nodes([{:open, name, attributes, false} | rest], out, tag) do
    {children, rest} = nodes(rest, [], name)
    nodes(rest, [{:tag, name, attributes, children} | out], tag)
  end

  defp nodes([node | rest], out, tag), do: nodes(rest, [node | out], tag)

  defp block(rest, parts) do
    {children, [{kind, code} | rest]} = nodes(rest, [], :eex)
    parts = [{kind, code}, {:body, children} | parts]
    if kind == :end, do: {Enum.reverse(parts), rest}, else: block(rest, parts)
  end

  # source

  defp list(nodes, env), do: "[" <> Enum.map_join(nodes, ", ", &source(&1, env)) <> "]"

  defp source({:text, text}, _), do: literal(text)
  defp source({:code, code}, _), do: if(blank?(code), do: "[]", else: "Phoenix.Component.__safe__((#{code}\n))")

  defp source({:block, parts}, env) do
    code =
      Enum.map_join(parts, "\n", fn
        {:body, children} -> if only_blank?(children), do: "", else: list(children, env)
        {_, code} -> code
      end)

    "Phoenix.Component.__safe__((#{code}\n))"
  end

  defp source({:tag, name, attributes, children}, env) do
    {special, attributes} = Enum.split_with(attributes, &match?({":" <> _, _}, &1))
    special = Map.new(special, fn {name, {:code, code}} -> {name, code} end)
    name |> element(attributes, children, special, env) |> conditional(special)
  end

  defp conditional(code, %{":for" => loop, ":if" => condition}), do: "for(#{loop}, (#{condition}), do: #{code})"
  defp conditional(code, %{":for" => loop}), do: "for(#{loop}, do: #{code})"
  defp conditional(code, %{":if" => condition}), do: "if((#{condition}), do: #{code}, else: [])"
  defp conditional(code, _), do: code

  defp element("." <> name, attributes, children, special, env),
    do: component("&#{name}/1", owner(name, env), name, attributes, children, special, env)

  defp element(<<char, _::binary>> = name, attributes, children, special, env) when char in ?A..?Z do
    [function | module] = name |> String.split(".") |> Enum.reverse()
    module = module |> Enum.reverse() |> Enum.join(".")
    component("&#{module}.#{function}/1", module, function, attributes, children, special, env)
  end

  defp element(name, attributes, children, _, env) do
    open = [literal("<" <> name) | Enum.map(attributes, &attribute/1)] ++ [literal(">")]
    close = if name in @void, do: [], else: [literal("</#{name}>")]
    "[" <> Enum.join(open ++ [list(children, env)] ++ close, ", ") <> "]"
  end

  defp attribute({:root, code}), do: "Phoenix.Component.__attributes__((#{code}\n))"
  defp attribute({name, true}), do: literal(" " <> name)
  defp attribute({name, {:code, code}}), do: "Phoenix.HTML.attribute(#{inspect(name)}, (#{code}\n))"
  defp attribute({name, text}), do: literal(" #{name}=\"#{text}\"")

  defp component(capture, owner, name, attributes, children, special, env) do
    {slots, inner} = Enum.split_with(children, &match?({:tag, ":" <> _, _, _}, &1))
    named = Enum.map(slots, fn {:tag, ":" <> slot, attributes, body} -> slot(slot, attributes, body, env) end)

    default =
      if only_blank?(inner),
        do: [],
        else: [slot("inner_block", for({k, v} <- special, k == ":let", do: {k, {:code, v}}), inner, env)]

    slots = "[" <> Enum.join(named ++ default, ", ") <> "]"
    "Phoenix.Component.__component__(#{owner}, :#{name}, #{capture}, #{assigns(attributes)}, #{slots})"
  end

  defp slot(name, attributes, body, env) do
    {special, attributes} = Enum.split_with(attributes, &match?({":" <> _, _}, &1))
    special = Map.new(special, fn {key, {:code, code}} -> {key, code} end)
    pattern = Map.get(special, ":let", "_")
    entry = "{:#{name}, #{assigns(attributes)}, fn #{pattern} -> #{list(body, env)} end}"

    case conditional(entry, special) do
      ^entry -> entry
      code -> "{:__many__, List.wrap(#{code})}"
    end
  end

  defp assigns(attributes) do
    pairs =
      Enum.map_join(attributes, ", ", fn
        {:root, code} -> "{:__root__, (#{code}\n)}"
        {name, true} -> "{#{inspect(String.to_atom(name))}, true}"
        {name, {:code, code}} -> "{#{inspect(String.to_atom(name))}, (#{code}\n)}"
        {name, text} -> "{#{inspect(String.to_atom(name))}, #{literal(text)}}"
      end)

    "[#{pairs}]"
  end

  defp owner(name, env) do
    case Macro.Env.lookup_import(env, {String.to_atom(name), 1}) do
      [{_, module} | _] -> inspect(module)
      [] -> inspect(env.module)
    end
  end

  defp literal(text), do: inspect(text, printable_limit: :infinity, limit: :infinity)
  defp only_blank?(nodes), do: Enum.all?(nodes, &(match?({:text, _}, &1) and blank?(elem(&1, 1))))
  defp blank?(text), do: String.trim(text) == ""
end

defmodule Phoenix.LiveView.HTMLFormatter do
  @moduledoc false
  @behaviour Mix.Tasks.Format

  @impl true
  def features(_), do: [extensions: [".heex"]]
  @impl true
  def format(text, _), do: text
end
