[
  # First of all plugs: health is answered where a later one would fail, like Phoenix.Ecto.CheckRepoStatus.
  {:module_prelude, "lib/xavos_web/endpoint.ex", "plug XavosWeb.Health"},
  {:child_before, "lib/xavos/application.ex", "XavosWeb.Endpoint", "{Task.Supervisor, name: Xavos.TaskSupervisor}"}
]
