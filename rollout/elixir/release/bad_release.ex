defmodule RolloutBadRelease do
  @moduledoc """
  Makes a release bad on purpose: a plug in front of everything else, which does what ROLLOUT_BAD_RELEASE says.

      never_ready    readiness answers 503 for ever
      answers_500    everything but the health paths answers 500
      fails_later    as answers_500, but only requests that come through the proxy
      leaks_memory   every request keeps four megabytes

  Without the variable it does nothing. It is planted for the phase `bad_release` and is in no other release.
  """
  import Plug.Conn

  @megabytes 4

  def init(options), do: options

  def call(conn, _options) do
    case {System.get_env("ROLLOUT_BAD_RELEASE"), health(conn)} do
      {"never_ready", :ready} -> answer(conn, 503)
      {"answers_500", nil} -> answer(conn, 500)
      {"fails_later", nil} -> if proxied?(conn), do: answer(conn, 500), else: conn
      {"leaks_memory", _} -> keep(conn)
      _ -> conn
    end
  end

  defp health(conn) do
    path = "/" <> Enum.join(conn.path_info, "/")

    cond do
      path == System.get_env("ROLLOUT_READY_PATH") -> :ready
      path == System.get_env("ROLLOUT_LIVE_PATH") -> :live
      true -> nil
    end
  end

  defp proxied?(conn), do: get_req_header(conn, "x-forwarded-for") != []

  defp answer(conn, status), do: conn |> send_resp(status, "a bad release, made on purpose") |> halt()

  # Random bytes, so that the operating system cannot share the pages.
  defp keep(conn) do
    kept = :persistent_term.get(__MODULE__, [])
    :persistent_term.put(__MODULE__, [:crypto.strong_rand_bytes(@megabytes * 1024 * 1024) | kept])
    conn
  end
end
