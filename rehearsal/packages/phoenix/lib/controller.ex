defmodule Phoenix.Controller do
  @moduledoc "Rehearsal stand-in: actions, formats, layouts and flash."

  import Plug.Conn
  alias Plug.CSRFProtection

  defmacro __using__(opts) do
    quote bind_quoted: [opts: opts] do
      import Phoenix.Controller
      import Plug.Conn
      import Plug.Builder, only: [plug: 1, plug: 2]
      @behaviour Plug
      @phoenix_formats opts[:formats] || [:html, :json]
      @phoenix_fallback nil
      Module.register_attribute(__MODULE__, :plugs, accumulate: true)
      @before_compile Phoenix.Controller

      @impl Plug
      def init(action), do: action

      @impl Plug
      def call(conn, action) do
        conn
        |> merge_private(phoenix_controller: __MODULE__, phoenix_action: action)
        |> put_new_view(__phoenix_formats__())
        |> __phoenix_pipeline__(action)
      end

      def action(%{private: %{phoenix_action: action}} = conn, _), do: apply(__MODULE__, action, [conn, conn.params])
      defoverridable action: 2, init: 1
    end
  end

  defmacro __before_compile__(env) do
    plugs = [{:action, [], true} | Module.get_attribute(env.module, :plugs)]
    {conn, body} = Plug.Builder.compile(env, List.delete_at(plugs, 0), [])
    fallback = Module.get_attribute(env.module, :phoenix_fallback)

    quote do
      def __phoenix_formats__, do: @phoenix_formats

      defp __phoenix_pipeline__(unquote(conn), opts) do
        case unquote(body) do
          %Plug.Conn{halted: true} = conn -> conn
          conn -> Phoenix.Controller.__finish__(action(conn, opts), conn, unquote(fallback))
        end
      end
    end
  end

  def __finish__(%Plug.Conn{} = conn, _, _), do: conn
  def __finish__(other, conn, fallback) when fallback != nil, do: fallback.call(conn, fallback.init(other))

  defmacro action_fallback(plug) do
    plug = Plug.Builder.runtime_alias(plug, __CALLER__)
    quote do: @phoenix_fallback(unquote(plug))
  end

  def put_new_view(conn, formats) do
    base = conn.private.phoenix_controller |> inspect() |> String.replace_suffix("Controller", "")

    views =
      Map.new(formats, fn
        {format, view} -> {to_string(format), view}
        format -> {to_string(format), Module.concat([base <> String.upcase(to_string(format))])}
      end)

    merge_private(conn, phoenix_view: Map.merge(views, conn.private[:phoenix_view] || %{}))
  end

  def put_root_layout(conn, layout), do: put_private(conn, :phoenix_root_layout, layout(layout))
  def put_format(conn, format), do: put_private(conn, :phoenix_format, to_string(format))
  def get_format(conn), do: conn.private[:phoenix_format] || conn.params["_format"] || "html"
  def view_module(conn), do: conn.private.phoenix_view[get_format(conn)]
  def view_template(conn), do: conn.private[:phoenix_template]
  def root_layout(conn), do: conn.private[:phoenix_root_layout]
  def layout([{_, layout} | _]), do: layout
  def layout(layout), do: layout

  def current_path(%{query_string: ""} = conn), do: conn.request_path
  def current_path(conn), do: conn.request_path <> "?" <> conn.query_string
  def current_url(conn), do: conn.private.phoenix_endpoint.url() <> current_path(conn)

  def accepts(conn, formats) do
    wanted = conn |> get_req_header("accept") |> List.first() || "*/*"

    found =
      Enum.find(formats, fn format ->
        wanted =~ "*/*" or wanted =~ "/#{format}" or wanted =~ "+#{format}" or (format == "html" and wanted =~ "text/*")
      end)

    if found do
      put_format(conn, found)
    else
      raise Phoenix.NotAcceptableError,
        message: "no supported media type in accept header.\n\nExpected one of #{inspect(formats)}"
    end
  end

  def protect_from_forgery(conn, opts \\ []), do: CSRFProtection.call(conn, CSRFProtection.init(opts))
  def get_csrf_token, do: CSRFProtection.get_csrf_token()
  def delete_csrf_token, do: CSRFProtection.delete_csrf_token()

  def put_secure_browser_headers(conn, headers \\ %{}) do
    %{
      "content-security-policy" => "base-uri 'self'; frame-ancestors 'self';",
      "referrer-policy" => "strict-origin-when-cross-origin",
      "x-content-type-options" => "nosniff",
      "x-permitted-cross-domain-policies" => "none"
    }
    |> Map.merge(Map.new(headers))
    |> then(&merge_resp_headers(conn, &1))
  end

  def fetch_flash(conn, _opts \\ []) do
    flash = get_session(conn, "phoenix_flash") || %{}

    conn
    |> assign(:flash, flash)
    |> register_before_send(fn conn ->
      now = conn.assigns.flash

      cond do
        now != %{} and conn.status in 300..308 -> put_session(conn, "phoenix_flash", now)
        get_session(conn, "phoenix_flash") -> delete_session(conn, "phoenix_flash")
        true -> conn
      end
    end)
  end

  def put_flash(conn, key, text), do: assign(conn, :flash, Map.put(conn.assigns[:flash] || %{}, to_string(key), text))
  def clear_flash(conn), do: assign(conn, :flash, %{})

  def json(conn, data), do: respond(conn, "application/json", Phoenix.json_library().encode!(data))
  def html(conn, data), do: respond(conn, "text/html", IO.iodata_to_binary(data))
  def text(conn, data), do: respond(conn, "text/plain", to_string(data))

  def redirect(conn, opts) do
    url = opts[:to] || opts[:external]
    body = "<html><body>You are being <a href=\"#{Phoenix.HTML.Engine.escape(url)}\">redirected</a>.</body></html>"
    conn |> put_resp_header("location", url) |> Plug.Conn.put_status(conn.status || 302) |> respond("text/html", body)
  end

  def render(conn, template, assigns \\ [])

  def render(conn, template, assigns) when is_atom(template),
    do: render_view(conn, Atom.to_string(template), get_format(conn), assigns)

  def render(conn, template, assigns) when is_binary(template) do
    [name, format] = String.split(template, ".", parts: 2)
    render_view(conn, name, format, assigns)
  end

  defp render_view(conn, template, format, assigns) do
    conn = conn |> merge_assigns(assigns) |> put_private(:phoenix_template, template)
    assigns = Map.merge(conn.assigns, %{conn: conn, flash: conn.assigns[:flash] || %{}})
    body = Phoenix.Template.render(conn.private.phoenix_view[format], template, format, assigns)

    if format == "html" do
      body = in_layout(body, conn.private[:phoenix_root_layout], assigns)
      respond(conn, "text/html", to_text(body))
    else
      respond(conn, "application/json", Phoenix.json_library().encode!(body))
    end
  end

  defp in_layout(body, layout, _) when layout in [nil, false], do: body
  defp in_layout(body, {module, name}, assigns), do: apply(module, name, [Map.put(assigns, :inner_content, body)])

  defp to_text({:safe, data}), do: IO.iodata_to_binary(data)
  defp to_text(data), do: data |> Phoenix.HTML.Safe.to_iodata() |> IO.iodata_to_binary()

  defp respond(conn, type, body) do
    conn = if get_resp_header(conn, "content-type") == [], do: put_resp_content_type(conn, type), else: conn
    send_resp(conn, conn.status || 200, body)
  end

  def status_message_from_template(template) do
    template |> String.split(".") |> hd() |> String.to_integer() |> Plug.Conn.Status.reason_phrase()
  end
end
