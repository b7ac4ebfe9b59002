defmodule Jason do
  @moduledoc "Rehearsal stand-in: encodes and decodes JSON."

  alias Jason.{Decoder, Encoder}

  def encode(term, opts \\ []) do
    {:ok, encode!(term, opts)}
  rescue
    error -> {:error, error}
  end

  def encode!(term, opts \\ []) do
    text = term |> Encoder.encode(opts) |> IO.iodata_to_binary()
    if opts[:pretty], do: Jason.Formatter.pretty_print(text), else: text
  end

  def encode_to_iodata!(term, opts \\ []), do: encode!(term, opts)

  def decode(text, opts \\ []) do
    {:ok, decode!(text, opts)}
  rescue
    error in Jason.DecodeError -> {:error, error}
  end

  def decode!(text, opts \\ []), do: Decoder.decode!(IO.iodata_to_binary(text), opts[:keys] || :strings)
end

defmodule Jason.DecodeError do
  defexception [:data, :position]

  @impl true
  def message(%{position: position}), do: "unexpected byte or end of input at position #{position}"
end

defmodule Jason.EncodeError do
  defexception [:message]
end

defmodule Jason.Fragment do
  defstruct [:encode]
end

defprotocol Jason.Encoder do
  @fallback_to_any true
  def encode(value, opts)
end

defimpl Jason.Encoder, for: Atom do
  def encode(nil, _), do: "null"
  def encode(true, _), do: "true"
  def encode(false, _), do: "false"
  def encode(atom, opts), do: Jason.Encoder.BitString.encode(Atom.to_string(atom), opts)
end

defimpl Jason.Encoder, for: Integer do
  def encode(value, _), do: Integer.to_string(value)
end

defimpl Jason.Encoder, for: Float do
  def encode(value, _), do: Float.to_string(value)
end

defimpl Jason.Encoder, for: List do
  def encode(list, opts), do: [?[, Enum.map_intersperse(list, ?,, &Jason.Encoder.encode(&1, opts)), ?]]
end

defimpl Jason.Encoder, for: Map do
  def encode(map, opts) do
    pairs =
      Enum.map_intersperse(map, ?,, fn {key, value} ->
        [Jason.Encoder.BitString.encode(to_string(key), opts), ?:, Jason.Encoder.encode(value, opts)]
      end)

    [?{, pairs, ?}]
  end
end

defimpl Jason.Encoder, for: BitString do
  def encode(text, _), do: [?", escape(text, text, 0, 0), ?"]

  defp escape(<<>>, text, from, length), do: [binary_part(text, from, length)]

  defp escape(<<char, rest::binary>>, text, from, length) when char < 0x20 or char in [?", ?\\] do
    [binary_part(text, from, length), code(char) | escape(rest, text, from + length + 1, 0)]
  end

  defp escape(<<char::utf8, rest::binary>>, text, from, length) do
    escape(rest, text, from, length + byte_size(<<char::utf8>>))
  end

  defp escape(_, text, _, _) do
    raise Jason.EncodeError, message: "invalid byte in #{inspect(text)}"
  end

  defp code(?"), do: "\\\""
  defp code(?\\), do: "\\\\"
  defp code(?\n), do: "\\n"
  defp code(?\r), do: "\\r"
  defp code(?\t), do: "\\t"
  defp code(char), do: ["\\u", char |> Integer.to_string(16) |> String.pad_leading(4, "0")]
end

defimpl Jason.Encoder, for: [Date, Time, NaiveDateTime, DateTime] do
  def encode(value, _), do: [?", @for.to_iso8601(value), ?"]
end

defimpl Jason.Encoder, for: Jason.Fragment do
  def encode(%{encode: encode}, opts), do: encode.(opts)
end

defimpl Jason.Encoder, for: Any do
  defmacro __deriving__(module, _struct, opts) do
    quote do
      defimpl Jason.Encoder, for: unquote(module) do
        def encode(value, encoder_opts) do
          keys = unquote(opts)[:only] || Map.keys(value) -- [:__struct__ | List.wrap(unquote(opts)[:except])]
          value |> Map.take(keys) |> Jason.Encoder.Map.encode(encoder_opts)
        end
      end
    end
  end

  def encode(value, _) do
    raise Protocol.UndefinedError, protocol: Jason.Encoder, value: value
  end
end

defmodule Jason.Decoder do
  @moduledoc false

  def decode!(text, keys) do
    {value, rest} = value(skip(text), {text, keys})
    if skip(rest) == "", do: value, else: fail(rest, text)
  end

  defp value(<<?{, rest::binary>>, state), do: object(skip(rest), state, [])
  defp value(<<?[, rest::binary>>, state), do: array(skip(rest), state, [])
  defp value(<<?", rest::binary>>, state), do: string(rest, state, [])
  defp value("true" <> rest, _), do: {true, rest}
  defp value("false" <> rest, _), do: {false, rest}
  defp value("null" <> rest, _), do: {nil, rest}

  defp value(<<char, _::binary>> = text, {whole, _}) when char == ?- or char in ?0..?9 do
    [number | _] = Regex.run(~r/^-?\d+(\.\d+)?([eE][+-]?\d+)?/, text) || fail(text, whole)
    rest = binary_part(text, byte_size(number), byte_size(text) - byte_size(number))
    {number(number), rest}
  end

  defp value(text, {whole, _}), do: fail(text, whole)

  defp number(text) do
    cond do
      text =~ "." -> text |> Float.parse() |> elem(0)
      text =~ ~r/[eE]/ -> text |> String.replace(~r/[eE]/, ".0e") |> Float.parse() |> elem(0)
      true -> String.to_integer(text)
    end
  end

  defp object(<<?}, rest::binary>>, _, []), do: {%{}, rest}

  defp object(<<?", rest::binary>>, {whole, keys} = state, pairs) do
    {key, rest} = string(rest, state, [])

    case skip(rest) do
      <<?:, rest::binary>> ->
        {value, rest} = value(skip(rest), state)
        pairs = [{key(key, keys), value} | pairs]

        case skip(rest) do
          <<?,, rest::binary>> -> object(skip(rest), state, pairs)
          <<?}, rest::binary>> -> {Map.new(Enum.reverse(pairs)), rest}
          rest -> fail(rest, whole)
        end

      rest ->
        fail(rest, whole)
    end
  end

  defp object(rest, {whole, _}, _), do: fail(rest, whole)

  defp array(<<?], rest::binary>>, _, []), do: {[], rest}

  defp array(rest, {whole, _} = state, items) do
    {value, rest} = value(rest, state)

    case skip(rest) do
      <<?,, rest::binary>> -> array(skip(rest), state, [value | items])
      <<?], rest::binary>> -> {Enum.reverse([value | items]), rest}
      rest -> fail(rest, whole)
    end
  end

  defp string(<<?", rest::binary>>, _, parts), do: {parts |> Enum.reverse() |> IO.iodata_to_binary(), rest}

  defp string(<<"\\u", hex::binary-size(4), rest::binary>>, state, parts) do
    case {String.to_integer(hex, 16), rest} do
      {high, <<"\\u", low::binary-size(4), rest::binary>>} when high in 0xD800..0xDBFF ->
        low = String.to_integer(low, 16)
        string(rest, state, [<<(high - 0xD800) * 0x400 + (low - 0xDC00) + 0x10000::utf8>> | parts])

      {code, rest} ->
        string(rest, state, [<<code::utf8>> | parts])
    end
  end

  defp string(<<"\\", char, rest::binary>>, state, parts) do
    string(rest, state, [<<Map.get(%{?n => ?\n, ?t => ?\t, ?r => ?\r, ?b => ?\b, ?f => ?\f}, char, char)>> | parts])
  end

  defp string(<<char, rest::binary>>, state, parts), do: string(rest, state, [<<char>> | parts])
  defp string(<<>>, {whole, _}, _), do: fail(<<>>, whole)

  defp key(key, :atoms), do: String.to_atom(key)
  defp key(key, :atoms!), do: String.to_existing_atom(key)
  defp key(key, _), do: key

  defp skip(<<char, rest::binary>>) when char in ~c" \n\r\t", do: skip(rest)
  defp skip(rest), do: rest

  defp fail(rest, whole) do
    raise Jason.DecodeError, data: whole, position: byte_size(whole) - byte_size(rest)
  end
end

defmodule Jason.Formatter do
  @moduledoc false

  def pretty_print(text, _opts \\ []) do
    text |> IO.iodata_to_binary() |> walk(0, false, []) |> Enum.reverse() |> IO.iodata_to_binary()
  end

  defp walk(<<>>, _, _, out), do: out
  defp walk(<<?\\, char, rest::binary>>, depth, true, out), do: walk(rest, depth, true, [<<?\\, char>> | out])
  defp walk(<<?", rest::binary>>, depth, quoted, out), do: walk(rest, depth, not quoted, [?" | out])
  defp walk(<<char, rest::binary>>, depth, true, out), do: walk(rest, depth, true, [char | out])

  defp walk(<<open, close, rest::binary>>, depth, false, out)
       when {open, close} in [{?{, ?}}, {?[, ?]}] do
    walk(rest, depth, false, [<<open, close>> | out])
  end

  defp walk(<<open, rest::binary>>, depth, false, out) when open in ~c"{[" do
    walk(rest, depth + 1, false, [[open | line(depth + 1)] | out])
  end

  defp walk(<<close, rest::binary>>, depth, false, out) when close in ~c"}]" do
    walk(rest, depth - 1, false, [[line(depth - 1), close] | out])
  end

  defp walk(<<?,, rest::binary>>, depth, false, out), do: walk(rest, depth, false, [[?, | line(depth)] | out])
  defp walk(<<?:, rest::binary>>, depth, false, out), do: walk(rest, depth, false, [": " | out])
  defp walk(<<char, rest::binary>>, depth, false, out), do: walk(rest, depth, false, [char | out])

  defp line(depth), do: [?\n, String.duplicate("  ", depth)]
end
