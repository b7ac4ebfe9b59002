defmodule Xavos.JobsTest do
  # Whether this VM is a server is said for all of it.
  use ExUnit.Case, async: false

  alias Xavos.Jobs

  setup do
    before = Application.get_env(:phoenix, :serve_endpoints)
    on_exit(fn -> Application.put_env(:phoenix, :serve_endpoints, before || false) end)
  end

  test "a server runs jobs, by their schedule" do
    Application.put_env(:phoenix, :serve_endpoints, true)
    assert [_ | _] = Jobs.config()[:queues]
    assert Enum.any?(Jobs.config()[:plugins], &match?({Oban.Plugins.Cron, _}, &1))
  end

  test "a command runs none, and leads nobody" do
    Application.put_env(:phoenix, :serve_endpoints, false)
    config = Jobs.config()
    for name <- [:queues, :plugins, :peer], do: assert(config[name] == false)
  end
end
