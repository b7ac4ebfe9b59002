# What the compiled application says of itself, as one line of JSON. Nothing is started, nothing is asked of a database.
say = fn
  nil -> nil
  value when is_boolean(value) or is_number(value) or is_binary(value) -> value
  value when is_atom(value) -> value |> inspect() |> String.trim_leading(":")
  value -> inspect(value)
end

loaded? = &Code.ensure_loaded?/1

relationship = fn each ->
  {each.name, %{type: say.(each.type), destination: say.(each.destination)}}
end

action = fn each ->
  {each.name,
   %{
     type: say.(each.type),
     primary: Map.get(each, :primary?, false),
     accept: Enum.map(Map.get(each, :accept, []), say),
     arguments: Enum.map(each.arguments, &say.(&1.name))
   }}
end

transition = fn each ->
  %{
    action: say.(each.action),
    from: each.from |> List.wrap() |> Enum.map(say),
    to: each.to |> List.wrap() |> Enum.map(say)
  }
end

machine = fn resource ->
  if AshStateMachine in Spark.extensions(resource) do
    info = AshStateMachine.Info

    %{
      states: resource |> info.state_machine_all_states() |> Enum.map(say),
      initial: resource |> info.state_machine_initial_states!() |> Enum.map(say),
      transitions: resource |> info.state_machine_transitions() |> Enum.map(transition)
    }
  end
end

policies = fn resource ->
  if loaded?.(Ash.Policy.Authorizer) and Ash.Policy.Authorizer in Ash.Resource.Info.authorizers(resource) do
    length(Ash.Policy.Info.policies(nil, resource))
  end
end

triggers = fn resource ->
  if loaded?.(AshOban) and AshOban in Spark.extensions(resource) do
    for each <- AshOban.Info.oban_triggers(resource) do
      %{name: say.(each.name), action: say.(each.action), cron: say.(each.scheduler_cron)}
    end
  else
    []
  end
end

api = fn resource, domain ->
  if loaded?.(AshJsonApi.Resource) and AshJsonApi.Resource in Spark.extensions(resource) do
    info = AshJsonApi.Resource.Info

    routes =
      for each <- info.routes(resource, [domain]) do
        %{route: each.route, method: say.(each.method), type: say.(each.type), action: say.(each.action)}
      end

    %{type: info.type(resource), routes: routes}
  end
end

resource = fn resource, domain ->
  {say.(resource),
   %{
     table: if(function_exported?(AshPostgres.DataLayer.Info, :table, 1), do: AshPostgres.DataLayer.Info.table(resource)),
     attributes:
       Map.new(Ash.Resource.Info.attributes(resource), fn each ->
         {each.name,
          %{
            type: say.(each.type),
            nullable: each.allow_nil?,
            public: each.public?,
            sensitive: each.sensitive?
          }}
       end),
     identities: Enum.map(Ash.Resource.Info.identities(resource), &Enum.map(&1.keys, say)),
     relationships: Map.new(Ash.Resource.Info.relationships(resource), relationship),
     actions: Map.new(Ash.Resource.Info.actions(resource), action),
     extensions: Enum.map(Spark.extensions(resource), say),
     policies: policies.(resource),
     machine: machine.(resource),
     triggers: triggers.(resource),
     api: api.(resource, domain)
   }}
end

domains =
  for domain <- Application.get_env(:xavos, :ash_domains, []), loaded?.(domain), into: %{} do
    {say.(domain),
     %{
       resources: Map.new(Ash.Domain.Info.resources(domain), &resource.(&1, domain)),
       functions: domain.__info__(:functions) |> Enum.map(&say.(elem(&1, 0))) |> Enum.uniq()
     }}
  end

routes =
  for each <- XavosWeb.Router.__routes__() do
    %{verb: say.(each.verb), path: each.path, plug: say.(each.plug)}
  end

oban =
  with settings when is_list(settings) <- Application.get_env(:xavos, Oban) do
    %{
      queues: Enum.map(settings[:queues] || [], &say.(elem(&1, 0))),
      plugins:
        Enum.map(settings[:plugins] || [], fn
          {plugin, _options} -> say.(plugin)
          plugin -> say.(plugin)
        end)
    }
  end

IO.puts("FACTS " <> Jason.encode!(%{domains: domains, routes: routes, oban: oban}))
