defmodule Xavos.Intelligence.VariablesTest do
  use ExUnit.Case, async: true

  import Xavos.ReadSettings

  alias Xavos.Settings

  test "what advice costs is read everywhere" do
    for environment <- [:dev, :prod] do
      env =
        Map.merge(%{"DATABASE_URL" => "ecto://xavos@db/xavos"}, %{
          "XAVOS_ADVICE_MAX_COST" => "1.5",
          "XAVOS_ADVICE_APPLY" => "automatic"
        })

      assert {:ok, config} = Settings.read(env, environment, false)

      assert %{max_cost: 1.5, apply: :automatic, retries: 3} =
               Map.new(setting(config, Xavos.Intelligence))
    end
  end
end
