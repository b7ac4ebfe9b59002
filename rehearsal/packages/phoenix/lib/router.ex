defmodule Phoenix.Router.NoRouteError do
  defexception [:conn, :router, plug_status: 404]

  @impl true
  def message(%{conn: conn, router: router}) do
    "no route found for #{conn.method} /#{Enum.join(conn.path_info, "/")} (#{inspect(router)})"
  end
end

defmodule Phoenix.Router.Route do
  @moduledoc false
  defstruct [:verb, :path, :plug, :opts, kind: :match, pipes: [], private: %{}, assigns: %{}, metadata: %{}]
end

defmodule Phoenix.Router do
  @moduledoc "Rehearsal stand-in: routes, scopes and pipelines."

  alias Phoenix.Router.{NoRouteError, Route}

  defmacro __using__(_opts) do
    quote do
      @behaviour Plug
      import Phoenix.Router
      import Plug.Conn
      import Phoenix.Controller
      Module.register_attribute(__MODULE__, :phoenix_routes, accumulate: true)
      @phoenix_scopes [%{path: [], alias: nil, pipes: [], private: %{}, assigns: %{}}]
      @phoenix_pipeline nil
      @before_compile Phoenix.Router

      @impl true
      def init(opts), do: opts
      @impl true
      def call(conn, _), do: Phoenix.Router.__call__(conn, __MODULE__)
    end
  end

  defmacro __before_compile__(env) do
    routes = env.module |> Module.get_attribute(:phoenix_routes) |> Enum.reverse()

    quote do
      def __routes__, do: unquote(Macro.escape(routes))
      def __pipe__(name, conn), do: apply(__MODULE__, :"__pipe_#{name}__", [conn, []])
      def __local__(name, conn), do: Phoenix.Router.__no_local__(name, conn)
      defoverridable __local__: 2
    end
  end

  def __no_local__(name, _), do: raise(ArgumentError, "unknown pipeline #{inspect(name)}")

  defmacro pipeline(name, do: block) do
    start =
      quote do
        name = unquote(name)
        @phoenix_pipeline []
        unquote(block)
      end

    finish =
      quote unquote: false do
        {conn, body} = Plug.Builder.compile(__ENV__, @phoenix_pipeline, [])
        def unquote(:"__pipe_#{name}__")(unquote(conn), _), do: unquote(body)
        def unquote(name)(conn, opts), do: unquote(:"__pipe_#{name}__")(conn, opts)
        @phoenix_pipeline nil
      end

    quote do
      unquote(start)
      unquote(finish)
    end
  end

  defmacro plug(plug, opts \\ []) do
    plug = Plug.Builder.runtime_alias(plug, __CALLER__)
    opts = Macro.prewalk(opts, &Plug.Builder.runtime_alias(&1, __CALLER__))
    quote do: @phoenix_pipeline([{unquote(plug), unquote(opts), true} | @phoenix_pipeline])
  end

  defmacro pipe_through(pipes) do
    pipes = Macro.prewalk(pipes, &Plug.Builder.runtime_alias(&1, __CALLER__))
    quote do: Phoenix.Router.__pipe_through__(__MODULE__, unquote(pipes))
  end

  defmacro scope(path, do: block), do: scope_block(path, nil, [], block, __CALLER__)
  defmacro scope(path, opts, do: block) when is_list(opts), do: scope_block(path, opts[:alias], opts, block, __CALLER__)
  defmacro scope(path, alias, do: block), do: scope_block(path, alias, [], block, __CALLER__)
  defmacro scope(path, alias, opts, do: block), do: scope_block(path, alias, opts, block, __CALLER__)

  defp scope_block(path, alias, opts, block, env) do
    alias = Plug.Builder.runtime_alias(alias, env)

    quote do
      Phoenix.Router.__push__(__MODULE__, unquote(path), unquote(alias), unquote(Keyword.drop(opts, [:alias])))
      unquote(block)
      Phoenix.Router.__pop__(__MODULE__)
    end
  end

  for verb <- [:get, :post, :put, :patch, :delete, :options, :head, :connect, :trace] do
    defmacro unquote(verb)(path, plug, opts, options \\ []) do
      Phoenix.Router.__route__(unquote(verb), path, plug, opts, options, __CALLER__)
    end
  end

  defmacro match(verb, path, plug, opts, options \\ []), do: __route__(verb, path, plug, opts, options, __CALLER__)

  defmacro forward(path, plug, opts \\ [], options \\ []) do
    __route__(:forward, path, plug, opts, options, __CALLER__)
  end

  defmacro resources(path, controller, opts \\ []) do
    all = [:index, :new, :create, :show, :edit, :update, :delete]
    actions = (opts[:only] || all) -- (opts[:except] || [])
    one = path <> "/:id"

    paths = [
      index: {:get, path},
      new: {:get, path <> "/new"},
      create: {:post, path},
      edit: {:get, one <> "/edit"},
      show: {:get, one},
      update: {:patch, one},
      update: {:put, one},
      delete: {:delete, one}
    ]

    for {action, {verb, path}} <- paths,
        action in actions,
        do: __route__(verb, path, controller, action, [], __CALLER__)
  end

  @doc false
  def __route__(verb, path, plug, opts, options, env) do
    plug = Plug.Builder.runtime_alias(plug, env)
    opts = Macro.prewalk(opts, &Plug.Builder.runtime_alias(&1, env))

    quote do:
            Phoenix.Router.__add__(
              __MODULE__,
              unquote(verb),
              unquote(path),
              unquote(plug),
              unquote(opts),
              unquote(options)
            )
  end

  @doc false
  def __add__(module, verb, path, plug, opts, options) do
    scopes = Module.get_attribute(module, :phoenix_scopes)
    prefix = scopes |> Enum.reverse() |> Enum.flat_map(& &1.path)

    aliases =
      if options[:alias] == false,
        do: [],
        else: for(%{alias: name} when not is_nil(name) and name != false <- Enum.reverse(scopes), do: name)

    plug =
      if verb == :forward and options[:alias] != true and elixir?(plug),
        do: plug,
        else: Module.concat(aliases ++ [plug])

    Module.put_attribute(module, :phoenix_routes, %Route{
      verb: verb,
      kind: if(verb == :forward, do: :forward, else: :match),
      path: "/" <> Enum.join(prefix ++ String.split(path, "/", trim: true), "/"),
      plug: plug,
      opts: opts,
      pipes: scopes |> Enum.reverse() |> Enum.flat_map(& &1.pipes),
      private: Enum.reduce(scopes, Map.new(options[:private] || %{}), &Map.merge(&1.private, &2)),
      assigns: Enum.reduce(scopes, Map.new(options[:assigns] || %{}), &Map.merge(&1.assigns, &2)),
      metadata: options[:metadata] || %{}
    })
  end

  defp elixir?(plug), do: match?("Elixir." <> _, Atom.to_string(plug))

  @doc false
  def __push__(module, path, alias, opts) do
    scopes = Module.get_attribute(module, :phoenix_scopes)

    scope = %{
      path: String.split(opts[:path] || path || "/", "/", trim: true),
      alias: alias,
      pipes: List.wrap(opts[:pipe_through]),
      private: Map.new(opts[:private] || %{}),
      assigns: Map.new(opts[:assigns] || %{})
    }

    Module.put_attribute(module, :phoenix_scopes, [scope | scopes])
  end

  @doc false
  def __pop__(module),
    do: Module.put_attribute(module, :phoenix_scopes, tl(Module.get_attribute(module, :phoenix_scopes)))

  @doc false
  def __pipe_through__(module, pipes) do
    [scope | rest] = Module.get_attribute(module, :phoenix_scopes)
    Module.put_attribute(module, :phoenix_scopes, [%{scope | pipes: scope.pipes ++ List.wrap(pipes)} | rest])
  end

  def scoped_alias(module, alias) do
    names =
      for %{alias: name} when not is_nil(name) <- Enum.reverse(Module.get_attribute(module, :phoenix_scopes)), do: name

    Module.concat(names ++ [alias])
  end

  def scoped_path(module, path) do
    prefix = module |> Module.get_attribute(:phoenix_scopes) |> Enum.reverse() |> Enum.flat_map(& &1.path)
    "/" <> Enum.join(prefix ++ String.split(path, "/", trim: true), "/")
  end

  def route_info(router, method, path, _host) do
    segments = if is_binary(path), do: String.split(path, "/", trim: true), else: path

    case find(router, method, segments) do
      nil ->
        :error

      {route, params, _} ->
        %{
          route: route.path,
          plug: route.plug,
          plug_opts: route.opts,
          path_params: params,
          pipe_through: route.pipes,
          log: :debug
        }
    end
  end

  @doc false
  def __call__(conn, router) do
    conn = Plug.Conn.put_private(conn, :phoenix_router, router)

    case find(router, conn.method, conn.path_info) do
      nil -> raise NoRouteError, conn: conn, router: router
      {route, params, rest} -> dispatch(conn, router, route, params, rest)
    end
  end

  defp dispatch(conn, router, route, params, rest) do
    conn = Plug.Conn.fetch_query_params(conn)

    conn = %{
      conn
      | path_params: Map.merge(conn.path_params, params),
        params: Map.merge(conn.params, params),
        private: Map.merge(conn.private, route.private),
        assigns: Map.merge(conn.assigns, route.assigns)
    }

    conn = Enum.reduce(route.pipes, conn, &pipe(&2, router, &1))

    cond do
      conn.halted -> conn
      route.kind == :forward -> delegate(conn, route, rest)
      true -> route.plug.call(conn, route.plug.init(route.opts))
    end
  end

  defp delegate(conn, route, rest) do
    used = Enum.take(conn.path_info, length(conn.path_info) - length(rest))
    moved = %{conn | path_info: rest, script_name: conn.script_name ++ used}
    answer = route.plug.call(moved, route.plug.init(route.opts))
    %{answer | path_info: conn.path_info, script_name: conn.script_name}
  end

  defp pipe(%{halted: true} = conn, _, _), do: conn

  defp pipe(conn, router, pipe) do
    cond do
      elixir?(pipe) -> pipe.call(conn, pipe.init([]))
      Phoenix.exports?(router, :"__pipe_#{pipe}__", 2) -> router.__pipe__(pipe, conn)
      Phoenix.exports?(router, pipe, 2) -> apply(router, pipe, [conn, []])
      function_exported?(Plug.Conn, pipe, 2) -> apply(Plug.Conn, pipe, [conn, []])
      true -> apply(Phoenix.Controller, pipe, [conn, []])
    end
  end

  defp find(router, method, path) do
    Enum.find_value(router.__routes__(), fn route ->
      if fits?(route, method) do
        pattern = String.split(route.path, "/", trim: true)
        with {params, rest} <- segments(pattern, path, route.kind, %{}), do: {route, params, rest}
      end
    end)
  end

  defp fits?(%{kind: :forward}, _), do: true
  defp fits?(%{verb: :*}, _), do: true
  defp fits?(%{verb: verb}, method), do: String.upcase(to_string(verb)) == method

  defp segments([], [], _, params), do: {params, []}
  defp segments([], rest, :forward, params), do: {params, rest}
  defp segments(["*" <> name], rest, _, params), do: {Map.put(params, name, rest), []}

  defp segments([":" <> name | pattern], [value | path], kind, params),
    do: segments(pattern, path, kind, Map.put(params, name, URI.decode(value)))

  defp segments([same | pattern], [same | path], kind, params), do: segments(pattern, path, kind, params)
  defp segments(_, _, _, _), do: nil
end

defmodule Phoenix.VerifiedRoutes do
  @moduledoc "Rehearsal stand-in: ~p, without the verification."

  defmacro __using__(opts) do
    quote do
      import Phoenix.VerifiedRoutes
      @phoenix_endpoint unquote(opts[:endpoint])
      @phoenix_router unquote(opts[:router])
      _ = {@phoenix_endpoint, @phoenix_router}
    end
  end

  defmacro sigil_p({:<<>>, meta, parts}, _modifiers) do
    {parts, _} =
      Enum.map_reduce(parts, false, fn
        text, query? when is_binary(text) ->
          {text, query? or text =~ "?"}

        {:"::", m, [{{:., _, _}, _, [expression]}, type]}, query? ->
          {{:"::", m, [quote(do: Phoenix.VerifiedRoutes.__segment__(unquote(expression), unquote(query?))), type]},
           query?}
      end)

    {:<<>>, meta, parts}
  end

  def __segment__(value, true) when is_map(value) or is_list(value), do: Plug.Conn.Query.encode(value)
  def __segment__(value, _), do: value |> Phoenix.Param.to_param() |> URI.encode(&URI.char_unreserved?/1)

  defmacro url(path), do: quote(do: @phoenix_endpoint.url() <> unquote(path))
  defmacro url(_conn, path), do: quote(do: @phoenix_endpoint.url() <> unquote(path))
  defmacro path(_conn, _router, path), do: path
end
