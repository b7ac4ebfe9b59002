defmodule AshJsonApi.Domain do
  @moduledoc "Rehearsal stand-in: a domain with routes."
end

defmodule AshJsonApi.Resource do
  @moduledoc "Rehearsal stand-in: a resource with a type."

  defmodule Sections do
    @moduledoc false
    require Spark.Dsl
    Spark.Dsl.defsections([:json_api])
  end

  def type(resource), do: resource |> Spark.Dsl.section_of(:json_api) |> Spark.Dsl.option(:type)
end

defmodule AshJsonApi.Router do
  @moduledoc "Rehearsal stand-in: serves JSON:API for the routes of domains, and its OpenAPI document."

  import Plug.Conn
  alias Ash.Resource.Info
  alias AshJsonApi.Resource

  @media "application/vnd.api+json"

  defmacro __using__(opts) do
    quote do
      @behaviour Plug

      @impl true
      def init(opts), do: opts
      @impl true
      def call(conn, _), do: AshJsonApi.Router.call(conn, unquote(opts))
    end
  end

  @doc false
  def call(conn, opts) do
    conn = fetch_query_params(conn)
    routes = routes(opts)

    cond do
      (conn.method == "GET" and opts[:open_api]) && conn.path_info == String.split(opts[:open_api], "/", trim: true) ->
        describe(conn, routes)

      found = Enum.find_value(routes, &fits(&1, conn)) ->
        answer(conn, found)

      true ->
        errors(conn, 404, [%{code: "no_route_found", title: "NoRouteFound", detail: "no route found", status: "404"}])
    end
  end

  @doc "`{verb, path, kind, resource, action}` of every route."
  def routes(opts) do
    for domain <- opts[:domains],
        entity <- domain |> Spark.Dsl.section_of(:json_api) |> Spark.Dsl.child(:routes),
        route <- route(entity, "", nil),
        do: route
  end

  defp route(%{name: :base_route, args: [base | resource], body: body}, prefix, _),
    do: Enum.flat_map(body, &route(&1, prefix <> base, List.first(resource)))

  defp route(%{name: kind, args: args, body: body}, prefix, resource)
       when kind in [:index, :get, :post, :patch, :delete] do
    {resource, [action | _]} = if resource, do: {resource, args}, else: {hd(args), tl(args)}
    given = Spark.Dsl.option(body, :route)
    verb = %{index: "GET", get: "GET", post: "POST", patch: "PATCH", delete: "DELETE"}[kind]
    own = given || if(kind in [:index, :post], do: "", else: "/:id")
    [{verb, prefix <> own, kind, resource, action}]
  end

  defp route(_, _, _), do: []

  defp fits({verb, path, kind, resource, action}, conn) do
    with true <- verb == conn.method,
         %{} = params <- match(String.split(path, "/", trim: true), conn.path_info, %{}),
         do: {kind, resource, action, params},
         else: (_ -> nil)
  end

  defp match([], [], params), do: params
  defp match([":" <> name | pattern], [value | path], params), do: match(pattern, path, Map.put(params, name, value))
  defp match([same | pattern], [same | path], params), do: match(pattern, path, params)
  defp match(_, _, _), do: nil

  defp answer(conn, {:index, resource, action, _}) do
    respond(conn, 200, resource |> Ash.Query.for_read(action, %{}) |> Ash.read(actor: actor(conn)))
  end

  defp answer(conn, {:get, resource, action, %{"id" => id}}),
    do: respond(conn, 200, Ash.get(resource, id, action: action, actor: actor(conn)))

  defp answer(conn, {:post, resource, action, _}),
    do:
      respond(
        conn,
        201,
        resource |> Ash.Changeset.for_create(action, attributes(conn)) |> Ash.create(actor: actor(conn))
      )

  defp answer(conn, {kind, resource, action, %{"id" => id}}) do
    with {:ok, record} <- Ash.get(resource, id, actor: actor(conn)) do
      if kind == :patch,
        do: record |> Ash.Changeset.for_update(action, attributes(conn)) |> Ash.update(actor: actor(conn)),
        else: with(:ok <- Ash.destroy(record, action: action, actor: actor(conn)), do: {:ok, record})
    end
    |> then(&respond(conn, 200, &1))
  end

  defp actor(conn), do: Ash.PlugHelpers.get_actor(conn)

  defp attributes(conn) do
    with %Plug.Conn.Unfetched{} <- conn.body_params do
      {:ok, body, _} = read_body(conn)
      Jason.decode!(body)
    end
    |> get_in(["data", "attributes"]) || %{}
  end

  defp respond(conn, status, {:ok, data}) do
    json(conn, status, %{
      data: shown(data),
      links: %{self: Phoenix.Controller.current_url(conn)},
      jsonapi: %{version: "1.0"}
    })
  end

  defp respond(conn, _, {:error, error}) do
    {status, name} =
      case error do
        %{errors: [%Ash.Error.Query.NotFound{} | _]} -> {404, "NotFound"}
        %Ash.Error.Invalid{} -> {400, "InvalidAttribute"}
        %Ash.Error.Forbidden{} -> {403, "Forbidden"}
        _ -> {500, "SomethingWentWrong"}
      end

    errors(
      conn,
      status,
      for(
        each <- error.errors,
        do: %{status: to_string(status), code: Macro.underscore(name), title: name, detail: Exception.message(each)}
      )
    )
  end

  defp shown(list) when is_list(list), do: Enum.map(list, &shown/1)

  defp shown(%resource{} = record) do
    attributes =
      for %{name: name, primary_key?: false} <- Info.public_attributes(resource),
          into: %{},
          do: {name, Map.get(record, name)}

    %{id: record.id, type: Resource.type(resource), attributes: attributes, relationships: %{}, links: %{}, meta: %{}}
  end

  defp errors(conn, status, errors), do: json(conn, status, %{errors: errors, jsonapi: %{version: "1.0"}})
  defp json(conn, status, body), do: conn |> put_resp_content_type(@media) |> send_resp(status, Jason.encode!(body))

  defp describe(conn, routes) do
    paths =
      routes
      |> Enum.group_by(fn {_, path, _, _, _} -> Regex.replace(~r/:(\w+)/, path, "{\\1}") end, fn {verb, _, _, resource,
                                                                                                  action} ->
        {String.downcase(verb),
         %{operationId: "#{Resource.type(resource)}.#{action}", responses: %{"200" => %{description: "Success"}}}}
      end)
      |> Map.new(fn {path, verbs} -> {path, Map.new(verbs)} end)

    spec = %OpenApiSpex.OpenApi{info: %OpenApiSpex.Info{title: "Open API Specification", version: "1.1"}, paths: paths}

    conn
    |> put_resp_content_type("application/json")
    |> send_resp(200, spec |> OpenApiSpex.OpenApi.to_map() |> Jason.encode!(pretty: true))
  end
end
