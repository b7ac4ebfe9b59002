defmodule Xavos.ReadinessTest do
  use Xavos.DataCase, async: true

  alias Xavos.Readiness

  defmodule Away do
    def query(_sql, _parameters, _options),
      do: {:error, %DBConnection.ConnectionError{message: "refused\nand more"}}
  end

  defmodule Silent do
    def query(_sql, _parameters, _options), do: Process.sleep(:infinity)
  end

  test "ready with a database whose migrations have run" do
    assert :ready = Readiness.check()
  end

  @tag :tmp_dir
  test "a migration that has not run is named", %{tmp_dir: folder} do
    File.write!(Path.join(folder, "20990101000000_add_tomorrow.exs"), "")

    assert {:migrations_pending, ["20990101000000_add_tomorrow"]} =
             Readiness.check(Xavos.Repo, folder)
  end

  test "a database that is away is said to be, in one line" do
    assert {:database_unreachable, "refused"} = Readiness.check(Away)
  end

  test "a database that does not answer is not waited for" do
    assert {:database_unreachable, "no answer within" <> _} = Readiness.check(Silent)
  end
end
