defmodule Postgrex.Protocol do
  @moduledoc false

  alias Postgrex.{ErrorCode, Result, Types}

  defstruct [:socket, :buffer, :parameters]

  def connect(opts) do
    host = opts[:hostname] || "localhost"
    port = opts[:port] || String.to_integer(System.get_env("PGPORT", "5432"))
    socket_opts = [:binary, active: false, packet: :raw, nodelay: true] ++ List.wrap(opts[:socket_options])

    case :gen_tcp.connect(address(host), port, socket_opts, opts[:timeout] || 15_000) do
      {:ok, socket} ->
        handshake(%__MODULE__{socket: socket, buffer: "", parameters: %{}}, opts)

      {:error, reason} ->
        told = :inet.format_error(reason)
        {:error, %DBConnection.ConnectionError{message: "tcp connect (#{host}:#{port}): #{told} - #{inspect(reason)}"}}
    end
  end

  def close(state) do
    :gen_tcp.send(state.socket, <<?X, 4::32>>)
    :gen_tcp.close(state.socket)
  end

  def query(state, sql, []) do
    send!(state, ?Q, [sql, 0])
    collect(state, %Result{rows: nil, num_rows: 0}, [], nil)
  catch
    {:lost, error} -> {:lost, error}
  end

  def query(state, sql, params) do
    send!(state, ?P, [0, sql, 0, <<0::16>>])
    send!(state, ?D, [?S, 0])
    send!(state, ?S, [])
    {outcome, state, types} = describe(state, nil, [])

    case outcome do
      nil ->
        values = for {type, value} <- Enum.zip(types, params), do: param(Types.encode(type, value))
        send!(state, ?B, [0, 0, <<0::16, length(params)::16>>, values, <<0::16>>])
        send!(state, ?D, [?P, 0])
        send!(state, ?E, [0, <<0::32>>])
        send!(state, ?S, [])
        collect(state, %Result{rows: nil, num_rows: 0}, [], nil)

      error ->
        {:error, error, state}
    end
  catch
    {:lost, error} -> {:lost, error}
  end

  defp address("/" <> _ = folder), do: {:local, folder}
  defp address(host), do: String.to_charlist(host)

  defp handshake(state, opts) do
    settings = ["user", 0, opts[:username] || "postgres", 0, "database", 0, opts[:database] || "postgres", 0]
    body = [<<3::16, 0::16>>, settings, "client_encoding", 0, "UTF8", 0, "application_name", 0, "xavos", 0, 0]
    :gen_tcp.send(state.socket, [<<IO.iodata_length(body) + 4::32>>, body])
    authenticate(state, opts, nil)
  catch
    {:lost, error} -> {:error, error}
  end

  defp authenticate(state, opts, scram) do
    case message(state) do
      {?R, <<0::32>>, state} -> ready(state)
      {?R, <<3::32>>, state} -> secret(state, opts, scram, opts[:password] || "")
      {?R, <<5::32, salt::binary-4>>, state} -> secret(state, opts, scram, md5(opts, salt))
      {?R, <<10::32, _::binary>>, state} -> scram_first(state, opts)
      {?R, <<11::32, text::binary>>, state} -> scram_final(state, opts, scram, text)
      {?R, <<12::32, _::binary>>, state} -> authenticate(state, opts, scram)
      {?E, fields, state} -> refused(state, fields)
    end
  end

  defp refused(state, fields) do
    :gen_tcp.close(state.socket)
    {:error, error(fields)}
  end

  defp secret(state, opts, scram, password) do
    send!(state, ?p, [password, 0])
    authenticate(state, opts, scram)
  end

  defp md5(opts, salt) do
    hex = fn data -> Base.encode16(:crypto.hash(:md5, data), case: :lower) end
    "md5" <> hex.(hex.([opts[:password] || "", opts[:username]]) <> salt)
  end

  defp scram_first(state, opts) do
    nonce = Base.encode64(:crypto.strong_rand_bytes(18))
    bare = "n=,r=#{nonce}"
    first = "n,," <> bare
    send!(state, ?p, ["SCRAM-SHA-256", 0, <<byte_size(first)::32>>, first])
    authenticate(state, opts, bare)
  end

  defp scram_final(state, opts, bare, server) do
    %{"r" => nonce, "s" => salt, "i" => rounds} =
      for <<k, "=", v::binary>> <- String.split(server, ","), into: %{}, do: {<<k>>, v}

    salted = :crypto.pbkdf2_hmac(:sha256, opts[:password] || "", Base.decode64!(salt), String.to_integer(rounds), 32)
    client_key = :crypto.mac(:hmac, :sha256, salted, "Client Key")
    without_proof = "c=biws,r=" <> nonce
    signed = Enum.join([bare, server, without_proof], ",")
    signature = :crypto.mac(:hmac, :sha256, :crypto.hash(:sha256, client_key), signed)
    send!(state, ?p, [without_proof, ",p=", Base.encode64(:crypto.exor(client_key, signature))])
    authenticate(state, opts, bare)
  end

  defp ready(state) do
    case message(state) do
      {?Z, _, state} ->
        {:ok, state}

      {?S, body, state} ->
        [key, value | _] = String.split(body, <<0>>)
        ready(%{state | parameters: Map.put(state.parameters, key, value)})

      {?E, fields, state} ->
        refused(state, fields)

      {_, _, state} ->
        ready(state)
    end
  end

  defp describe(state, outcome, types) do
    case message(state) do
      {?Z, _, state} -> {outcome, state, types}
      {?E, fields, state} -> describe(state, error(fields), types)
      {?t, <<_::16, oids::binary>>, state} -> describe(state, outcome, for(<<oid::32 <- oids>>, do: oid))
      {_, _, state} -> describe(state, outcome, types)
    end
  end

  defp collect(state, result, types, error) do
    case message(state) do
      {?Z, _, state} when error == nil -> {:ok, finish(result), state}
      {?Z, _, state} -> {:error, error, state}
      {?E, fields, state} -> collect(state, result, types, error || error(fields))
      {?T, <<_::16, body::binary>>, state} -> described(state, result, columns(body), error)
      {?D, <<_::16, body::binary>>, state} -> collect(state, row(result, body, types), types, error)
      {?C, tag, state} -> collect(state, complete(result, tag), types, error)
      {_, _, state} -> collect(state, result, types, error)
    end
  end

  defp described(state, result, columns, error) do
    {names, types} = Enum.unzip(columns)
    collect(state, %{result | columns: names, rows: []}, types, error)
  end

  defp columns(<<>>), do: []

  defp columns(body) do
    [name, rest] = :binary.split(body, <<0>>)
    <<_table::32, _column::16, type::32, _size::16, _modifier::32, _format::16, rest::binary>> = rest
    [{name, type} | columns(rest)]
  end

  defp row(result, body, types), do: %{result | rows: [values(body, types) | result.rows || []]}

  defp values(_, []), do: []
  defp values(<<-1::signed-32, rest::binary>>, [_ | types]), do: [nil | values(rest, types)]

  defp values(<<size::32, value::binary-size(size), rest::binary>>, [type | types]) do
    [Types.decode(type, value) | values(rest, types)]
  end

  defp complete(result, tag) do
    words = tag |> String.trim_trailing(<<0>>) |> String.split(" ")
    count = with {number, ""} <- Integer.parse(List.last(words)), do: number, else: (_ -> 0)
    command = words |> hd() |> String.downcase() |> String.to_atom()
    %{result | command: command, num_rows: count}
  end

  defp finish(%{rows: nil} = result), do: result
  defp finish(result), do: %{result | rows: Enum.reverse(result.rows)}

  defp error(body) do
    fields = for <<code, value::binary>> <- String.split(body, <<0>>, trim: true), into: %{}, do: {<<code>>, value}

    %Postgrex.Error{
      postgres: %{
        severity: fields["S"],
        code: ErrorCode.name(fields["C"]),
        pg_code: fields["C"],
        message: fields["M"],
        detail: fields["D"],
        hint: fields["H"],
        constraint: fields["n"],
        table: fields["t"],
        column: fields["c"]
      }
    }
  end

  defp param(nil), do: <<-1::signed-32>>
  defp param(text), do: [<<byte_size(text)::32>>, text]

  defp send!(state, kind, body) do
    case :gen_tcp.send(state.socket, [kind, <<IO.iodata_length(body) + 4::32>>, body]) do
      :ok -> :ok
      {:error, reason} -> lost(reason)
    end
  end

  defp message(%{buffer: <<kind, size::32, rest::binary>>} = state) when byte_size(rest) >= size - 4 do
    <<body::binary-size(size - 4), rest::binary>> = rest
    {kind, body, %{state | buffer: rest}}
  end

  defp message(state) do
    case :gen_tcp.recv(state.socket, 0, 60_000) do
      {:ok, data} -> message(%{state | buffer: state.buffer <> data})
      {:error, reason} -> lost(reason)
    end
  end

  defp lost(reason), do: throw({:lost, %DBConnection.ConnectionError{message: "tcp recv: #{reason}"}})
end
