defmodule XavosWeb.DigestedFiles do
  @moduledoc """
  Static files with a digest in their name, such as `app-0d5f….css`, while two releases serve side by side.

  A file that is here never changes, so browsers may keep it for ever. A file of another release is answered with this
  release's file of that name, which nobody may keep: a page of the new release may ask the old one for its style sheet
  while instances are replaced.
  """
  @behaviour Plug

  import Plug.Conn

  @digested ~r/\A(.+)-[0-9a-f]{32}(\.[^\/]+)\z/
  @for_ever "public, max-age=31536000, immutable"

  @impl true
  def init(options), do: options

  @impl true
  def call(%Plug.Conn{method: method, path_info: [_ | _] = path} = conn, options)
      when method in ~w(GET HEAD) do
    case Regex.run(@digested, List.last(path)) do
      [_, name, extension] -> serve(conn, name <> extension, folder(options))
      nil -> conn
    end
  end

  def call(conn, _options), do: conn

  defp serve(conn, name, folder) do
    if File.regular?(Path.join([folder | conn.path_info])),
      do: caching(conn, @for_ever),
      else: conn |> named(name) |> caching("no-store")
  end

  defp folder(options),
    do: Keyword.get_lazy(options, :folder, fn -> Application.app_dir(:xavos, "priv/static") end)

  defp named(conn, name) do
    path = List.replace_at(conn.path_info, -1, name)
    %{conn | path_info: path, request_path: "/" <> Enum.join(path, "/"), query_string: ""}
  end

  defp caching(conn, policy) do
    register_before_send(conn, fn
      %{status: status} = conn when status in [200, 206, 304] ->
        put_resp_header(conn, "cache-control", policy)

      conn ->
        conn
    end)
  end
end
