defmodule Phoenix.LiveView.LiveStream do
  @moduledoc false
  defstruct [:name, :dom_id, items: []]

  defimpl Enumerable do
    def count(_), do: {:error, __MODULE__}
    def member?(_, _), do: {:error, __MODULE__}
    def slice(_), do: {:error, __MODULE__}
    def reduce(stream, acc, fun), do: Enumerable.List.reduce(stream.items, acc, fun)
  end
end

defmodule Phoenix.LiveView.JS do
  @moduledoc false
  defstruct ops: []

  for name <- [
        :push,
        :show,
        :hide,
        :toggle,
        :dispatch,
        :navigate,
        :patch,
        :focus,
        :focus_first,
        :add_class,
        :remove_class,
        :toggle_class,
        :set_attribute,
        :remove_attribute,
        :exec,
        :transition,
        :pop_focus,
        :push_focus
      ] do
    def unquote(name)(), do: unquote(name)(%__MODULE__{})
    def unquote(name)(%__MODULE__{} = js), do: op(js, unquote(name), [])
    def unquote(name)(first), do: op(%__MODULE__{}, unquote(name), [first])
    def unquote(name)(%__MODULE__{} = js, first), do: op(js, unquote(name), [first])
    def unquote(name)(first, second), do: op(%__MODULE__{}, unquote(name), [first, second])
    def unquote(name)(%__MODULE__{} = js, first, second), do: op(js, unquote(name), [first, second])
  end

  defp op(js, name, args), do: %{js | ops: js.ops ++ [[to_string(name) | Enum.map(args, &plain/1)]]}

  defp plain(list) when is_list(list),
    do: if(Keyword.keyword?(list), do: Map.new(list, fn {k, v} -> {k, plain(v)} end), else: Enum.map(list, &plain/1))

  defp plain(tuple) when is_tuple(tuple), do: tuple |> Tuple.to_list() |> Enum.map(&plain/1)
  defp plain(other), do: other

  defimpl Phoenix.HTML.Safe do
    def to_iodata(%{ops: ops}), do: ops |> Phoenix.json_library().encode!() |> Phoenix.HTML.Engine.escape()
  end
end

defmodule Phoenix.LiveView do
  @moduledoc "Rehearsal stand-in: live pages."

  alias Phoenix.LiveView.{LiveStream, Socket}

  @callback mount(map() | :not_mounted_at_router, map(), Socket.t()) :: {:ok, Socket.t()} | {:ok, Socket.t(), keyword()}
  @callback render(map()) :: term()
  @callback handle_params(map(), String.t(), Socket.t()) :: {:noreply, Socket.t()}
  @callback handle_event(String.t(), map(), Socket.t()) :: {:noreply, Socket.t()} | {:reply, map(), Socket.t()}
  @callback handle_info(term(), Socket.t()) :: {:noreply, Socket.t()}
  @callback handle_async(term(), term(), Socket.t()) :: {:noreply, Socket.t()}
  @callback terminate(term(), Socket.t()) :: term()
  @optional_callbacks mount: 3,
                      render: 1,
                      handle_params: 3,
                      handle_event: 3,
                      handle_info: 2,
                      handle_async: 3,
                      terminate: 2

  defmacro __using__(opts) do
    template = Path.rootname(__CALLER__.file) <> ".html.heex"

    quote do
      use Phoenix.Component
      import Phoenix.LiveView
      @behaviour Phoenix.LiveView
      @before_compile Phoenix.LiveView.Renderer
      @live_template unquote(template)
      Module.register_attribute(__MODULE__, :live_mounts, accumulate: true)
      def __live__, do: %{layout: unquote(opts[:layout]) || nil, opts: unquote(Keyword.drop(opts, [:layout]))}
    end
  end

  defmacro on_mount(hook) do
    hook = Macro.prewalk(hook, &Plug.Builder.runtime_alias(&1, __CALLER__))
    quote do: @live_mounts(unquote(hook))
  end

  def connected?(%Socket{transport_pid: pid}), do: pid != nil
  def get_connect_info(_socket, _key), do: nil
  def put_private(socket, key, value), do: %{socket | private: Map.put(socket.private, key, value)}

  def put_flash(socket, key, text), do: flash(socket, Map.put(socket.assigns[:flash] || %{}, to_string(key), text))
  def clear_flash(socket), do: flash(socket, %{})
  def clear_flash(socket, key), do: flash(socket, Map.delete(socket.assigns[:flash] || %{}, to_string(key)))
  defp flash(socket, flash), do: Phoenix.Component.assign(socket, :flash, flash)

  def redirect(socket, opts), do: %{socket | redirected: {:redirect, Map.new(opts)}}
  def attach_hook(socket, _name, _stage, _fun), do: socket

  def stream(socket, name, items, opts \\ []) do
    socket = ensure_stream(socket, name, opts)
    old = socket.assigns.streams[name]
    old = if opts[:reset], do: %{old | items: []}, else: old
    Enum.reduce(items, put_stream(socket, old), &stream_insert(&2, name, &1, opts))
  end

  def stream_insert(socket, name, item, opts \\ []) do
    stream = socket.assigns.streams[name]
    id = stream.dom_id.(item)
    known? = List.keymember?(stream.items, id, 0)

    items =
      cond do
        known? -> List.keyreplace(stream.items, id, 0, {id, item})
        opts[:at] == 0 -> [{id, item} | stream.items]
        true -> stream.items ++ [{id, item}]
      end

    put_stream(socket, %{stream | items: items})
  end

  defp ensure_stream(socket, name, opts) do
    if get_in(socket.assigns, [:streams, name]) do
      socket
    else
      put_stream(socket, %LiveStream{name: name, dom_id: opts[:dom_id] || (&"#{name}-#{&1.id}")})
    end
  end

  defp put_stream(socket, stream) do
    Phoenix.Component.assign(socket, :streams, Map.put(socket.assigns[:streams] || %{}, stream.name, stream))
  end
end

defmodule Phoenix.LiveView.Renderer do
  @moduledoc false

  defmacro __before_compile__(env) do
    template = Module.get_attribute(env.module, :live_template)
    mounts = env.module |> Module.get_attribute(:live_mounts) |> Enum.reverse()
    mounted = quote(do: def(__mounts__, do: unquote(Macro.escape(mounts))))

    if File.regular?(template) and not Module.defines?(env.module, {:render, 1}) do
      quote do
        unquote(mounted)
        @external_resource unquote(template)
        def render(var!(assigns)),
          do: unquote(Phoenix.LiveView.TagEngine.compile(File.read!(template), %{env | file: template, line: 1}))
      end
    else
      mounted
    end
  end
end

defmodule Phoenix.LiveComponent do
  @moduledoc false

  defmacro __using__(_) do
    quote do
      use Phoenix.Component
      import Phoenix.LiveView
    end
  end
end

defmodule Phoenix.LiveView.Router do
  @moduledoc "Rehearsal stand-in: routes to live pages."

  defmacro live(path, view, action \\ nil, opts \\ []) do
    view = Plug.Builder.runtime_alias(view, __CALLER__)

    quote do
      view = Phoenix.Router.scoped_alias(__MODULE__, unquote(view))
      session = Module.get_attribute(__MODULE__, :live_session) || %{on_mount: [], session: %{}}

      opts =
        {view, unquote(action),
         Map.merge(session, %{opts: unquote(opts), path: Phoenix.Router.scoped_path(__MODULE__, unquote(path))})}

      Phoenix.Router.__add__(__MODULE__, :get, unquote(path), Phoenix.LiveView.Plug, opts, alias: false)
    end
  end

  defmacro live_session(name, opts \\ [], do: block) do
    opts = Macro.prewalk(opts, &Plug.Builder.runtime_alias(&1, __CALLER__))

    quote do
      opts = unquote(opts)

      Module.put_attribute(__MODULE__, :live_session, %{
        name: unquote(name),
        on_mount: List.wrap(opts[:on_mount]),
        session: opts[:session] || %{},
        layout: opts[:layout],
        root_layout: opts[:root_layout]
      })

      unquote(block)
      Module.delete_attribute(__MODULE__, :live_session)
    end
  end

  def fetch_live_flash(conn, _opts \\ []), do: Phoenix.Controller.fetch_flash(conn)
end
