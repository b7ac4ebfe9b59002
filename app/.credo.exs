# mix credo: strict, with Credo's own selection of checks.
%{
  configs: [
    %{
      name: "default",
      strict: true,
      files: %{
        included: ["lib/", "test/", "config/"],
        # As mix phx.new has generated them.
        excluded: [
          "lib/xavos_web/components/core_components.ex",
          "test/support/conn_case.ex",
          "test/support/data_case.ex"
        ]
      },
      checks: %{
        extra: [
          {Credo.Check.Refactor.MatchInCondition, files: %{excluded: ["config/site.exs"]}}
        ]
      }
    }
  ]
}
