defmodule Plug do
  @moduledoc "Rehearsal stand-in: the behaviour of a plug."

  @callback init(term()) :: term()
  @callback call(Plug.Conn.t(), term()) :: Plug.Conn.t()

  def run(conn, plugs) do
    Enum.reduce_while(plugs, conn, fn
      _, %{halted: true} = conn -> {:halt, conn}
      {module, opts}, conn -> {:cont, module.call(conn, module.init(opts))}
      fun, conn when is_function(fun, 1) -> {:cont, fun.(conn)}
    end)
  end
end

defmodule Plug.Builder do
  @moduledoc "Rehearsal stand-in: compiles a chain of plugs to one function."

  defmacro __using__(_opts) do
    quote do
      @behaviour Plug
      import Plug.Conn
      import Plug.Builder, only: [plug: 1, plug: 2]
      Module.register_attribute(__MODULE__, :plugs, accumulate: true)
      @before_compile Plug.Builder

      @impl true
      def init(opts), do: opts
      @impl true
      def call(conn, opts), do: plug_builder_call(conn, opts)
      defoverridable init: 1, call: 2
    end
  end

  defmacro plug(plug, opts \\ [])

  defmacro plug({:when, _, [plug, guard]}, opts), do: entry(plug, opts, guard, __CALLER__)
  defmacro plug(plug, {:when, _, [opts, guard]}), do: entry(plug, opts, guard, __CALLER__)
  defmacro plug(plug, opts), do: entry(plug, opts, true, __CALLER__)

  defp entry(plug, opts, guard, env) do
    plug = runtime_alias(plug, env)
    quote do: @plugs({unquote(plug), unquote(opts), unquote(Macro.escape(guard))})
  end

  @doc false
  def runtime_alias({:__aliases__, _, _} = ast, env), do: Macro.expand(ast, %{env | function: {:init, 1}})
  def runtime_alias(ast, _), do: ast

  defmacro __before_compile__(env) do
    {conn, body} = compile(env, Module.get_attribute(env.module, :plugs), [])

    quote do
      defp plug_builder_call(unquote(conn), opts) do
        _ = opts
        unquote(body)
      end
    end
  end

  @doc "The quoted argument and body of a function that runs the plugs, given in reverse order."
  def compile(_env, plugs, _opts) do
    conn = quote(do: conn)

    body =
      Enum.reduce(plugs, conn, fn {plug, opts, guard}, rest ->
        step = step(plug, Macro.escape(opts), conn)
        guarded = if guard == true, do: step, else: guarded(guard, step, conn)

        quote do
          case unquote(guarded) do
            %Plug.Conn{halted: true} = conn -> conn
            %Plug.Conn{} = unquote(conn) -> unquote(rest)
          end
        end
      end)

    {conn, body}
  end

  defp guarded(guard, step, conn) do
    quote do
      case unquote(conn).private[:phoenix_action] do
        var!(action) when unquote(guard) ->
          _ = var!(action)
          unquote(step)

        _ ->
          unquote(conn)
      end
    end
  end

  defp step(plug, opts, conn) do
    case Atom.to_string(plug) do
      "Elixir." <> _ -> quote(do: unquote(plug).call(unquote(conn), unquote(plug).init(unquote(opts))))
      _ -> quote(do: unquote(plug)(unquote(conn), unquote(opts)))
    end
  end
end

defprotocol Plug.Exception do
  @fallback_to_any true
  def status(exception)
  def actions(exception)
end

defimpl Plug.Exception, for: Any do
  def status(%{plug_status: status}), do: Plug.Conn.code(status)
  def status(_), do: 500
  def actions(_), do: []
end

defmodule Plug.Crypto do
  @moduledoc "Rehearsal stand-in: signed tokens."

  def sign(secret, salt, data, opts \\ []) do
    payload = :erlang.term_to_binary({data, opts[:signed_at] || System.os_time(:second)})
    encoded = Base.url_encode64(payload, padding: false)
    encoded <> "." <> mac(secret, salt, encoded)
  end

  def verify(secret, salt, token, opts \\ [])

  def verify(secret, salt, token, opts) when is_binary(token) do
    with [encoded, mac] <- String.split(token, "."),
         true <- secure_compare(mac, mac(secret, salt, encoded)),
         {:ok, payload} <- Base.url_decode64(encoded, padding: false) do
      {data, signed_at} = :erlang.binary_to_term(payload)
      max_age = Keyword.get(opts, :max_age, 86_400)
      old = is_integer(max_age) and System.os_time(:second) - signed_at > max_age
      if old, do: {:error, :expired}, else: {:ok, data}
    else
      _ -> {:error, :invalid}
    end
  end

  def verify(_, _, _, _), do: {:error, :missing}

  def secure_compare(left, right) when byte_size(left) == byte_size(right), do: :crypto.hash_equals(left, right)
  def secure_compare(_, _), do: false

  defp mac(secret, salt, encoded) do
    key = :crypto.mac(:hmac, :sha256, secret, to_string(salt))
    :hmac |> :crypto.mac(:sha256, key, encoded) |> Base.url_encode64(padding: false)
  end
end
