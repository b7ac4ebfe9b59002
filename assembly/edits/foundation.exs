[
  # First of all plugs: health is answered where a later one would fail, like Phoenix.Ecto.CheckRepoStatus.
  {:module_prelude, "lib/xavos_web/endpoint.ex",
   ~S"""
   plug XavosWeb.Health
   plug XavosWeb.ClientAddress
   plug XavosWeb.LastAnswers
   plug XavosWeb.DigestedFiles
   """},
  # A tool of developers: whoever has its token reads the log of a request.
  {:replace, "lib/xavos_web/endpoint.ex",
   ~S"""
   plug Phoenix.LiveDashboard.RequestLogger,
     param_key: "request_logger",
     cookie_key: "request_logger"
   """,
   ~S"""
   if Application.compile_env(:xavos, :dev_routes) do
     plug Phoenix.LiveDashboard.RequestLogger,
       param_key: "request_logger",
       cookie_key: "request_logger"
   end
   """},
  {:child_before, "lib/xavos/application.ex", "XavosWeb.Endpoint", "{Task.Supervisor, name: Xavos.TaskSupervisor}"},
  # Last, so that it is ended first.
  {:replace, "lib/xavos/application.ex", "Supervisor.start_link(children, opts)",
   "Supervisor.start_link(children ++ [Xavos.Draining], opts)"},
  # The cookie of a release would be a secret in a file, another in each build. rel/env.sh.eex makes one for each start.
  {:project_set, :releases,
   ~S|[xavos: [include_executables_for: [:unix], cookie: "each-start-has-its-own"]]|}
]
