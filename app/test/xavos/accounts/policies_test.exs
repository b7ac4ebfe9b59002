defmodule Xavos.Accounts.PoliciesTest do
  use Xavos.DataCase, async: true

  import Xavos.AccountsFactory
  import Xavos.Factory

  alias Ash.Resource.Info
  alias Xavos.{Accounts, Coordination, Expectations}
  alias Xavos.Accounts.{ApiKey, Token, User}
  alias Xavos.Coordination.{Agent, WorkItem, WorkItemDependency}

  @system [authorize?: false]
  @table Expectations.all()
  @roles [:operator, :viewer, :agent, :own, :nobody]

  # Called by AshAuthentication only, past the policies; whatever else calls them is refused.
  @authentication for resource <- [User, Token],
                      action <- Info.actions(resource),
                      not is_map_key(@table, {resource, action.name}),
                      do: {resource, action.name}

  test "every action of every resource is in a table of expectations" do
    actions =
      for domain <- Application.fetch_env!(:xavos, :ash_domains),
          resource <- Ash.Domain.Info.resources(domain),
          not String.ends_with?(inspect(resource), ".Version"),
          action <- Info.actions(resource),
          do: {resource, action.name}

    assert [] = (actions -- Map.keys(@table)) -- @authentication
  end

  test "every resource asks its policies" do
    for domain <- Application.fetch_env!(:xavos, :ash_domains),
        resource <- Ash.Domain.Info.resources(domain) do
      assert Ash.Policy.Authorizer in Info.authorizers(resource), inspect(resource)
    end
  end

  for {{resource, action}, allowed} <- @table, role <- @roles do
    if role in allowed do
      test "#{inspect(resource)} #{action} is open to #{role}" do
        assert may?(unquote(role), unquote(resource), unquote(action))
      end
    else
      test "#{inspect(resource)} #{action} is closed to #{role}" do
        refute may?(unquote(role), unquote(resource), unquote(action))
      end
    end
  end

  test "tokens are nobody's business" do
    viewer()

    for role <- @roles, {actor, _own?} = actor(role) do
      assert {:error, %Ash.Error.Forbidden{}} = Ash.read(Token, actor: actor)
    end
  end

  for {User = resource, action} <- @authentication do
    test "#{inspect(resource)} #{action} is closed to whoever is not AshAuthentication" do
      # A read shows nobody anything; what would change something is refused.
      case Info.action(unquote(resource), unquote(action)).type do
        :read ->
          refute may?(:nobody, unquote(resource), unquote(action))

        type when type in [:create, :update, :destroy] ->
          for role <- [:viewer, :agent, :nobody],
              do: refute(may?(role, unquote(resource), unquote(action)))

        :action ->
          refute may?(:nobody, unquote(resource), unquote(action))
      end
    end
  end

  test "a viewer sees itself only, an operator sees all users" do
    %{id: id} = viewer = viewer()
    operator = operator()
    assert [%{id: ^id}] = Accounts.list_users!(actor: viewer)
    assert length(Accounts.list_users!(actor: operator)) == 2
  end

  test "an account of agents sees its own keys only" do
    [mine, other] = [agent_account(), agent_account()]
    %{id: id} = issued(mine)
    issued(other)
    assert [%{id: ^id}] = Accounts.list_api_keys!(actor: mine)
  end

  test "an account of agents does nothing with another account's agents" do
    [mine, other] = [agent_account(), agent_account()]

    agent =
      Coordination.register_agent!(%{agent_id: unique("agent"), name: "Mine"}, actor: mine)

    assert {:error, %Ash.Error.Forbidden{}} =
             Coordination.set_agent_status(agent, :active, actor: other)

    assert {:ok, _agent} = Coordination.set_agent_status(agent, :active, actor: mine)
  end

  test "an agent that an operator registers is no account's" do
    assert %{account_id: nil} =
             Coordination.register_agent!(%{agent_id: unique("a"), name: "A"}, actor: operator())
  end

  test "who has done something is in the record of it" do
    operator = operator()
    Coordination.create_team!(%{name: "rockets"}, actor: operator)

    assert [%{kind: "team.create", actor: actor} | _] =
             Coordination.list_events!(actor: operator, page: false)

    assert actor == to_string(operator.email)
  end

  defp may?(role, resource, action) do
    {actor, own?} = actor(role)
    type = Info.action(resource, action).type
    subject = subject(resource, action, type, actor, own?)

    Ash.can?(subject, actor, maybe_is: false, run_queries?: true)
  end

  defp actor(:operator), do: {operator(), false}
  defp actor(:viewer), do: {viewer(), false}
  defp actor(:agent), do: {agent_account(), false}
  defp actor(:own), do: {agent_account(), true}
  defp actor(:nobody), do: {nil, false}

  defp subject(resource, action, :read, _actor, _own?), do: {resource, action}
  defp subject(resource, action, :action, actor, own?), do: input(resource, action, actor, own?)

  defp subject(resource, action, :create, _actor, _own?), do: {resource, action}
  defp subject(resource, action, _type, actor, own?), do: {record(resource, actor, own?), action}

  defp input(resource, action, actor, own?) do
    agent = record(Agent, actor, own?)

    arguments =
      for argument <- Info.action(resource, action).arguments,
          value = value(argument.name, agent),
          value != nil,
          into: %{},
          do: {argument.name, value}

    Ash.ActionInput.for_action(resource, action, arguments, actor: actor)
  end

  defp value(:agent_id, agent), do: agent.agent_id
  defp value(:limit, _agent), do: 1
  defp value(:email, _agent), do: "nobody@example.org"
  defp value(_name, _agent), do: nil

  defp record(Agent, actor, true),
    do: Coordination.register_agent!(%{agent_id: unique("own"), name: "Own"}, actor: actor)

  defp record(Agent, _actor, false), do: agent()

  # Held by an agent, so that it is somebody's.
  defp record(WorkItem, actor, own?) do
    agent = record(Agent, actor, own?)
    item = work_item()

    Xavos.Repo.query!("UPDATE work_items SET agent_id = $1, status = 'claimed' WHERE id = $2", [
      Ecto.UUID.dump!(agent.id),
      Ecto.UUID.dump!(item.id)
    ])

    Coordination.get_work_item!(item.id, @system)
  end

  defp record(WorkItemDependency, _actor, _own?) do
    Coordination.add_dependency!(work_item().id, work_item().id, @system)
  end

  defp record(ApiKey, actor, true), do: issued(actor)
  defp record(ApiKey, _actor, false), do: issued(agent_account())
  defp record(User, _actor, _own?), do: viewer()
  defp record(Coordination.Team, _actor, _own?), do: team()

  defp record(Token, _actor, _own?) do
    viewer()
    Token |> Ash.read!(@system) |> hd()
  end

  defp record(Xavos.Intelligence.Advice, _actor, _own?),
    do: Xavos.Intelligence.request_advice!(:priority, @system)

  defp record(Xavos.Intelligence.Reservation = resource, _actor, _own?),
    do: Ash.create!(resource, %{amount: Decimal.new(1)}, @system)
end
