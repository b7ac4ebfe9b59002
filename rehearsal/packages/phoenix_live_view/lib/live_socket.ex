defmodule Phoenix.LiveView.Socket do
  @moduledoc "Rehearsal stand-in: the socket and the state of a live page."

  defstruct id: nil,
            endpoint: nil,
            router: nil,
            view: nil,
            host_uri: nil,
            parent_pid: nil,
            root_pid: nil,
            transport_pid: nil,
            redirected: nil,
            assigns: %{flash: %{}, live_action: nil, __changed__: nil},
            private: %{}

  @type t :: %__MODULE__{}

  defmacro __using__(_), do: nil

  def connect(_params, socket, info), do: {:ok, Map.put(socket, :session, info.session)}
  def id(_), do: nil

  def join_topic("lv:" <> id, payload, socket, transport, join_ref) do
    with %{} = cookie <- socket.session,
         {:ok, %{id: ^id} = static} <- Phoenix.LiveView.Static.verify(socket.endpoint, payload["session"]) do
      url = payload["url"] || payload["redirect"]

      start = %{
        static: static,
        cookie: cookie,
        url: url,
        transport: transport,
        join_ref: join_ref,
        topic: "lv:" <> id,
        params: payload["params"] || %{},
        flash: %{}
      }

      {:ok, pid} = Phoenix.LiveView.Channel.start(socket.endpoint, start)

      case Phoenix.LiveView.Channel.joined(pid) do
        {:ok, rendered} ->
          {:ok, %{rendered: rendered, liveview_version: to_string(Application.spec(:phoenix_live_view, :vsn))}, pid}

        {:redirect, to} ->
          {:error, %{live_redirect: to}}
      end
    else
      nil -> {:error, %{reason: "stale"}}
      _ -> {:error, %{reason: "unauthorized"}}
    end
  end

  def join_topic("lvu:" <> _, _, _, _, _), do: {:error, %{reason: "unmatched topic"}}
  def join_topic("phoenix:" <> _, _, _, _, _), do: {:ok, %{}}
  def join_topic(_, _, _, _, _), do: {:error, %{reason: "unmatched topic"}}
end

defmodule Phoenix.LiveView.Static do
  @moduledoc false

  @salt "live view session"

  def sign(endpoint, data), do: Phoenix.Token.sign(endpoint, @salt, data)
  def verify(endpoint, token), do: Phoenix.Token.verify(endpoint, @salt, token, max_age: 1_209_600)

  def mount(socket, view, params, session, mounts) do
    with {:cont, socket} <- hooks(mounts ++ view.__mounts__(), params, session, socket),
         {:ok, socket} <- mounted(view, params, session, socket) do
      {:ok, socket}
    else
      {:halt, socket} -> {:redirect, socket}
      {:ok, socket, _opts} -> {:ok, socket}
    end
    |> then(fn
      {:ok, %{redirected: nil} = socket} -> {:ok, socket}
      {_, socket} -> {:redirect, socket}
    end)
  end

  def handle_params(%{view: view} = socket, params, url) do
    if Phoenix.exports?(view, :handle_params, 3) do
      {:noreply, socket} = view.handle_params(params, url, socket)
      socket
    else
      socket
    end
  end

  def render(socket) do
    assigns = Map.put(socket.assigns, :socket, socket)
    inner = socket.view.render(assigns)

    case socket.view.__live__().layout do
      {module, name} -> apply(module, name, [Map.put(assigns, :inner_content, inner)])
      _ -> inner
    end
  end

  def to_text({:safe, data}), do: IO.iodata_to_binary(data)

  def session(%{session: {module, function, args}}, conn), do: apply(module, function, [conn | args]) |> strings()
  def session(%{session: session}, _), do: strings(session)
  def session(_, _), do: %{}
  defp strings(map), do: Map.new(map || %{}, fn {k, v} -> {to_string(k), v} end)

  defp mounted(view, params, session, socket) do
    if Phoenix.exports?(view, :mount, 3), do: view.mount(params, session, socket), else: {:ok, socket}
  end

  defp hooks(mounts, params, session, socket) do
    Enum.reduce_while(mounts, {:cont, socket}, fn hook, {:cont, socket} ->
      {module, argument} = if is_tuple(hook), do: hook, else: {hook, :default}
      answer = module.on_mount(argument, params, session, socket)
      {if(match?({:cont, _}, answer), do: :cont, else: :halt), answer}
    end)
  end
end

defmodule Phoenix.LiveView.Plug do
  @moduledoc false
  @behaviour Plug

  alias Phoenix.LiveView.{Socket, Static}

  @impl true
  def init(opts), do: opts

  @impl true
  def call(conn, {view, action, extra}) do
    id = "phx-" <> Base.url_encode64(:crypto.strong_rand_bytes(10), padding: false)
    endpoint = conn.private.phoenix_endpoint
    session = Map.merge(Plug.Conn.get_session(conn), Static.session(extra, conn))
    assigns = %{flash: conn.assigns[:flash] || %{}, live_action: action, __changed__: nil}

    socket = %Socket{
      id: id,
      endpoint: endpoint,
      router: conn.private.phoenix_router,
      view: view,
      assigns: assigns,
      private: %{conn_assigns: conn.assigns}
    }

    Code.ensure_loaded!(view)

    case Static.mount(socket, view, conn.params, session, extra.on_mount) do
      {:ok, socket} ->
        socket
        |> Static.handle_params(conn.params, Phoenix.Controller.current_url(conn))
        |> answer(conn, extra, session)

      {:redirect, socket} ->
        redirect(conn, socket)
    end
  end

  defp answer(%{redirected: nil} = socket, conn, extra, session) do
    static = %{
      id: socket.id,
      view: socket.view,
      router: socket.router,
      session: Map.drop(session, ["_csrf_token"]),
      action: socket.assigns.live_action,
      on_mount: extra.on_mount,
      path: extra.path
    }

    inner = Static.render(socket)

    attributes = [
      {"id", socket.id},
      {"data-phx-main", true},
      {"data-phx-session", Static.sign(socket.endpoint, static)},
      {"data-phx-static", Static.sign(socket.endpoint, %{id: socket.id})}
    ]

    content =
      {:safe, ["<div", Phoenix.Component.__attributes__(attributes), ">", Phoenix.HTML.Safe.to_iodata(inner), "</div>"]}

    assigns = Map.merge(conn.assigns, Map.merge(socket.assigns, %{conn: conn, inner_content: content}))

    body =
      case extra[:root_layout] || Phoenix.Controller.root_layout(conn) do
        {module, name} -> apply(module, name, [assigns])
        _ -> content
      end

    Phoenix.Controller.html(conn, Static.to_text(body))
  end

  defp answer(socket, conn, _, _), do: redirect(conn, socket)

  defp redirect(conn, %{redirected: redirected, assigns: assigns}) do
    opts = redirected |> Tuple.to_list() |> List.last()
    conn = Enum.reduce(assigns[:flash] || %{}, conn, fn {k, v}, c -> Phoenix.Controller.put_flash(c, k, v) end)
    conn |> Phoenix.Controller.redirect(Keyword.take(Map.to_list(opts), [:to, :external])) |> Plug.Conn.halt()
  end
end

defmodule Phoenix.LiveView.Channel do
  @moduledoc false
  use GenServer, restart: :temporary

  alias Phoenix.LiveView.{Socket, Static}

  def start(endpoint, start),
    do: GenServer.start(__MODULE__, {endpoint, start, [self() | Process.get(:"$callers") || []]})

  def joined(pid), do: GenServer.call(pid, :joined, 15_000)

  @impl true
  def init({endpoint, start, callers}) do
    Process.put(:"$callers", callers)
    if start.transport, do: Process.monitor(start.transport)
    {:ok, {start, %Socket{endpoint: endpoint, transport_pid: start.transport || self()}, nil}}
  end

  @impl true
  def handle_call(:joined, _, {%{static: static} = start, socket, _}) do
    session = Map.merge(Map.drop(start.cookie, ["_csrf_token"]), static.session)
    params = params(static, start.url)
    assigns = %{flash: start.flash, live_action: static.action, __changed__: nil}

    socket = %{
      socket
      | id: static.id,
        view: static.view,
        router: static.router,
        assigns: assigns,
        private: %{connect_params: start.params}
    }

    Code.ensure_loaded!(static.view)

    case Static.mount(socket, static.view, params, session, static.on_mount) do
      {:ok, socket} ->
        socket = Static.handle_params(socket, params, start.url || static.path)
        html = socket |> Static.render() |> Static.to_text()
        {:reply, {:ok, %{"0" => html, "s" => ["", ""]}}, {start, socket, html}}

      {:redirect, socket} ->
        {:stop, :normal, {:redirect, socket.redirected |> Tuple.to_list() |> List.last()}, {start, socket, nil}}
    end
  end

  def handle_call(:render, _, {_, _, html} = state), do: {:reply, html, state}

  def handle_call({:event, event, params}, _, {start, socket, html}) do
    {socket, _reply} = event(socket, event, params)
    {_, socket, html} = state = refresh({start, socket, html}, fn _ -> :ok end)
    {:reply, {html, socket.redirected}, state}
  end

  @impl true
  def handle_info({:channel, "event", %{"event" => event} = payload, {join_ref, ref, topic}}, {start, socket, html}) do
    {socket, reply} = event(socket, event, value(payload))

    answer = fn diff ->
      send(start.transport, {:reply, join_ref, ref, topic, :ok, Map.merge(%{diff: diff || %{}}, reply)})
    end

    {:noreply, refresh({start, socket, html}, answer)}
  end

  def handle_info({:channel, _, _, {join_ref, ref, topic}}, {start, _, _} = state) do
    send(start.transport, {:reply, join_ref, ref, topic, :ok, %{}})
    {:noreply, state}
  end

  def handle_info({:DOWN, _, :process, pid, _}, {%{transport: pid}, _, _} = state), do: {:stop, :shutdown, state}

  def handle_info(message, {start, %{view: view} = socket, html}) when view != nil do
    if Phoenix.exports?(view, :handle_info, 2) do
      {:noreply, socket} = view.handle_info(message, socket)
      {:noreply, refresh({start, socket, html}, &push(start, &1))}
    else
      {:noreply, {start, socket, html}}
    end
  end

  def handle_info(_, state), do: {:noreply, state}

  defp event(socket, "lv:clear-flash", _), do: {Phoenix.LiveView.clear_flash(socket), %{}}

  defp event(socket, event, params) do
    case socket.view.handle_event(event, params, socket) do
      {:noreply, socket} -> {socket, %{}}
      {:reply, reply, socket} -> {socket, %{r: reply}}
    end
  end

  defp value(%{"type" => "form", "value" => value}), do: Plug.Conn.Query.decode(value)
  defp value(%{"value" => value}), do: value
  defp value(_), do: %{}

  defp refresh({start, socket, html}, tell) do
    socket = patched(socket)

    case socket |> Static.render() |> Static.to_text() do
      ^html ->
        tell.(nil)
        {start, socket, html}

      html ->
        tell.(%{"0" => html})
        {start, socket, html}
    end
  end

  defp patched(%{redirected: {:live, :patch, %{to: to}}} = socket) do
    uri = URI.parse(to)
    Static.handle_params(%{socket | redirected: nil}, Plug.Conn.Query.decode(uri.query), to)
  end

  defp patched(socket), do: socket

  defp push(_, nil), do: :ok
  defp push(%{transport: nil}, _), do: :ok
  defp push(start, diff), do: send(start.transport, {:push, start.topic, start.join_ref, "diff", diff})

  defp params(static, url) do
    uri = URI.parse(url || static.path)
    query = Plug.Conn.Query.decode(uri.query)

    case Phoenix.Router.route_info(static.router, "GET", uri.path || "/", nil) do
      %{path_params: params} -> Map.merge(query, params)
      :error -> query
    end
  end
end

defmodule Phoenix.LiveViewTest do
  @moduledoc "Rehearsal stand-in: tests a live page without a browser."

  alias Phoenix.LiveView.{Channel, Static}

  defmodule View do
    @moduledoc false
    defstruct [:pid, :endpoint, :id]
  end

  defmodule Element do
    @moduledoc false
    defstruct [:view, :selector, :text, params: %{}]
  end

  defmacro live(conn, path) do
    quote do
      conn = unquote(conn)

      Phoenix.LiveViewTest.__live__(
        Phoenix.ConnTest.dispatch(conn, @endpoint, :get, unquote(path)),
        @endpoint,
        unquote(path)
      )
    end
  end

  def __live__(%{status: status} = conn, _, _) when status in [301, 302, 303] do
    to = Phoenix.ConnTest.redirected_to(conn)
    {:error, {:redirect, %{to: to, flash: conn.assigns[:flash] || %{}}}}
  end

  def __live__(conn, endpoint, path) do
    html = Phoenix.ConnTest.html_response(conn, 200)
    [_, token] = Regex.run(~r/data-phx-session="([^"]+)"/, html)
    {:ok, static} = Static.verify(endpoint, token)

    start = %{
      static: static,
      cookie: Plug.Conn.get_session(conn),
      url: path,
      transport: nil,
      join_ref: nil,
      topic: nil,
      params: %{},
      flash: conn.assigns[:flash] || %{}
    }

    {:ok, pid} = Channel.start(endpoint, start)
    {:ok, rendered} = Channel.joined(pid)
    {:ok, %View{pid: pid, endpoint: endpoint, id: static.id}, rendered["0"]}
  end

  def render(%View{pid: pid}), do: GenServer.call(pid, :render)
  def render(%Element{view: view}), do: render(view)
  def element(view, selector, text \\ nil), do: %Element{view: view, selector: selector, text: text}
  def form(view, selector, params \\ %{}), do: %Element{view: view, selector: selector, params: params}
  def has_element?(%Element{view: view, selector: selector, text: text}), do: has_element?(view, selector, text)

  def has_element?(view, selector, text \\ nil) do
    html = render(view)
    marked = selector |> String.split(~r/[\s>]+/, trim: true) |> Enum.all?(&present?(html, &1))
    marked and (text == nil or html =~ text)
  end

  def render_click(%Element{} = element, value \\ %{}), do: act(element, "phx-click", strings(value))
  def render_submit(element, value \\ %{})

  def render_submit(%Element{} = element, value),
    do: act(element, "phx-submit", Map.merge(strings(element.params), strings(value)))

  def render_change(%Element{} = element, value \\ %{}),
    do: act(element, "phx-change", Map.merge(strings(element.params), strings(value)))

  def render_click(%View{} = view, event, value), do: event(view, event, strings(value))
  def render_submit(%View{} = view, event, value), do: event(view, event, strings(value))
  def page_title(_view), do: nil

  defp act(%Element{view: view, selector: selector}, attribute, value) do
    tag = tag(render(view), selector)
    [_, name] = Regex.run(~r/#{attribute}="([^"]+)"/, tag)
    extra = for [_, key, text] <- Regex.scan(~r/phx-value-([\w-]+)="([^"]*)"/, tag), into: %{}, do: {key, text}
    event(view, event_name(name), Map.merge(extra, value))
  end

  defp event_name("[" <> _ = json), do: json |> String.replace("&quot;", "\"") |> Jason.decode!() |> hd() |> Enum.at(1)
  defp event_name(name), do: name

  defp event(view, event, params) do
    case GenServer.call(view.pid, {:event, event, params}) do
      {html, nil} -> html
      {_, {:live, kind, opts}} -> {:error, {:"live_#{kind}", opts}}
      {_, {:redirect, opts}} -> {:error, {:redirect, opts}}
    end
  end

  defp tag(html, selector) do
    last = selector |> String.split(~r/\s+/, trim: true) |> List.last()
    {name, marks} = marks(last)

    Regex.scan(~r/<#{name}\b[^>]*>/, html)
    |> List.flatten()
    |> Enum.find(fn tag -> Enum.all?(marks, &(tag =~ &1)) end) ||
      raise(ArgumentError, "expected selector #{inspect(selector)} to return a single element, but got none")
  end

  defp present?(html, part) do
    {name, marks} = marks(part)
    Regex.scan(~r/<#{name}\b[^>]*>/, html) |> List.flatten() |> Enum.any?(fn tag -> Enum.all?(marks, &(tag =~ &1)) end)
  end

  defp marks(part) do
    [name] = Regex.run(~r/^[\w-]*/, part)
    ids = for [_, id] <- Regex.scan(~r/#([\w-]+)/, part), do: ~s(id="#{id}")

    classes =
      for [_, class] <- Regex.scan(~r/\.([\w-]+)/, Regex.replace(~r/\[[^\]]*\]/, part, "")),
          do: ~r/class="[^"]*\b#{class}\b/

    others = for [_, text] <- Regex.scan(~r/\[([^\]]+)\]/, part), do: text |> String.replace("'", "\"") |> quoted()
    {if(name == "", do: "\\w+", else: name), ids ++ classes ++ others}
  end

  defp quoted(text),
    do: if(text =~ "=" and not (text =~ "\""), do: String.replace(text, "=", "=\"") <> "\"", else: text)

  defp strings(%_{} = struct), do: struct
  defp strings(map) when is_map(map), do: Map.new(map, fn {k, v} -> {to_string(k), strings(v)} end)
  defp strings([{_, _} | _] = list), do: list |> Map.new() |> strings()
  defp strings([]), do: %{}
  defp strings(other), do: other
end
