defmodule Xavos.IntelligenceTest do
  use Xavos.DataCase, async: true

  import ExUnit.CaptureLog
  import Xavos.AccountsFactory
  import Xavos.Factory

  alias Xavos.{Coordination, FakeClaude, Intelligence}
  alias Xavos.Intelligence.Spending

  @system [authorize?: false]

  defp claude(answers, settings \\ []) do
    url = if is_binary(answers), do: answers, else: FakeClaude.start(answers)

    [
      context: %{
        intelligence: [api_key: "sk-test", base_url: url, backoff_ms: 1, retries: 1] ++ settings
      }
    ]
  end

  defp suggest_high(item) do
    FakeClaude.tool("suggest_priorities", %{
      "summary" => "It matters.",
      "suggestions" => [
        %{"work_item_id" => item.work_item_id, "priority" => "high", "reason" => "It does."}
      ]
    })
  end

  # `one` waits for `other`, so `other` should be critical.
  defp urgent do
    other = work_item(priority: :low)
    work_item(priority: :critical, depends_on: [other.work_item_id])
    other
  end

  describe "asking" do
    test "without a key the heuristic answers and says so" do
      item = urgent()
      advice = Intelligence.request_advice!(:priority, @system)

      assert %{
               source: :heuristic,
               status: :proposed,
               model: nil,
               trouble: nil,
               requested_by: "system"
             } = advice

      assert advice.summary =~ "not by a model"
      assert [%{work_item_id: name, from: :low, priority: :critical}] = advice.suggestions
      assert name == item.work_item_id
    end

    test "with a key Claude answers, and what it cost is kept" do
      item = work_item()
      user = operator()

      advice =
        Intelligence.request_advice!(:priority, [actor: user] ++ claude([suggest_high(item)]))

      assert %{
               source: :claude,
               model: "claude-of-the-server",
               input_tokens: 1_000,
               output_tokens: 200
             } = advice

      assert Decimal.eq?(advice.cost, "0.006")
      assert advice.requested_by == to_string(user.email)
      assert Decimal.eq?(Spending.today(), "0.006")
    end

    test "where Claude cannot answer, the heuristic does and says why" do
      urgent()

      log =
        capture_log(fn ->
          advice =
            Intelligence.request_advice!(
              :priority,
              @system ++ claude([FakeClaude.error(401, "authentication_error")])
            )

          assert %{source: :heuristic, trouble: "Claude does not accept the key" <> _} = advice
          assert [_] = advice.suggestions
        end)

      assert log =~ "does not accept the key"
      refute log =~ "sk-test"
    end

    test "the bound of the day counts what was spent in vain, too" do
      item = work_item()
      cut_off = FakeClaude.tool("suggest_priorities", %{}, %{stop_reason: "max_tokens"})

      capture_log(fn ->
        first = Intelligence.request_advice!(:priority, @system ++ claude([cut_off]))
        assert %{source: :heuristic, output_tokens: 200} = first
        bounds = [max_cost_per_day: 0.01, max_tokens: 200]

        second =
          Intelligence.request_advice!(:priority, @system ++ claude([suggest_high(item)], bounds))

        assert second.trouble =~ "of today's $0.01 only $0.004"
      end)
    end

    test "nor can what another question may be costing at this moment be spent" do
      item = work_item()
      bounds = [max_cost_per_day: 0.1]
      options = @system ++ claude([{:when_told, suggest_high(item)}], bounds)
      first = Task.async(fn -> Intelligence.request_advice!(:priority, options) end)
      assert_receive {:waiting, claude}, 5_000
      may_cost = Spending.today()
      assert Decimal.gt?(may_cost, "0.05")

      capture_log(fn ->
        second =
          Intelligence.request_advice!(:priority, @system ++ claude([suggest_high(item)], bounds))

        assert %{source: :heuristic, trouble: trouble} = second
        assert trouble =~ "of today's $0.1 only $#{Decimal.sub("0.1", may_cost)} are left"
      end)

      send(claude, :answer)
      assert %{source: :claude} = Task.await(first)
      # What it has cost has taken the place of what it might have.
      assert Decimal.eq?(Spending.today(), "0.006")
    end

    test "what was reserved by a question that never came to an end stays spent" do
      work_item()
      Ash.create!(Xavos.Intelligence.Reservation, %{amount: Decimal.new("0.05")}, @system)
      assert Decimal.eq?(Spending.today(), "0.05")
    end

    test "what Claude makes up is dropped, with the reason" do
      work_item()

      advice =
        Intelligence.request_advice!(
          :priority,
          @system ++ claude([suggest_high(%{work_item_id: "NO-SUCH"})])
        )

      assert %{source: :claude, suggestions: [], refused: ["there is no waiting item NO-SUCH"]} =
               advice
    end

    test "nobody is asked about nothing" do
      assert %{source: :heuristic, suggestions: []} =
               Intelligence.request_advice!(:assignment, @system ++ claude("http://127.0.0.1:1"))
    end

    test "assignments are for work that waits for nothing, and agents with room" do
      ready = work_item()
      work_item(depends_on: [ready.work_item_id])
      agent = Coordination.activate_agent!(agent(), @system)
      agent()
      advice = Intelligence.request_advice!(:assignment, @system)
      assert [%{work_item_id: name, agent_id: agent_id, priority: nil}] = advice.suggestions
      assert {name, agent_id} == {ready.work_item_id, agent.agent_id}
    end
  end

  describe "deciding" do
    test "applying sets priorities, and says who did" do
      item = urgent()
      user = operator()
      advice = Intelligence.request_advice!(:priority, @system)
      applied = Intelligence.apply_advice!(advice.id, actor: user)
      assert %{status: :applied, decided_at: %DateTime{}} = applied
      assert applied.decided_by == to_string(user.email)
      assert [%{outcome: :applied}] = applied.suggestions
      assert Coordination.get_work_item!(item.id, @system).priority == :critical
    end

    test "applying assigns work" do
      item = work_item()
      agent = Coordination.activate_agent!(agent(), @system)
      advice = Intelligence.request_advice!(:assignment, @system)

      assert [%{outcome: :applied}] =
               Intelligence.apply_advice!(advice.id, actor: operator()).suggestions

      assert %{status: :claimed, agent_id: id} = Coordination.get_work_item!(item.id, @system)
      assert id == agent.id
    end

    test "what no longer holds is skipped, and the rest is done" do
      changed = urgent()
      kept = urgent()
      advice = Intelligence.request_advice!(:priority, @system)
      Coordination.update_work_item!(changed, %{priority: :medium}, @system)
      applied = Intelligence.apply_advice!(advice.id, actor: operator())
      outcomes = Map.new(applied.suggestions, &{&1.work_item_id, {&1.outcome, &1.note}})

      assert outcomes == %{
               changed.work_item_id => {:skipped, "its priority is medium by now"},
               kept.work_item_id => {:applied, nil}
             }
    end

    test "an agent that has gone offline gets nothing" do
      item = work_item()
      agent = Coordination.activate_agent!(agent(), @system)
      advice = Intelligence.request_advice!(:assignment, @system)
      Coordination.take_agent_offline!(agent, @system)

      assert [%{outcome: :skipped, note: "is offline and takes no work"}] =
               Intelligence.apply_advice!(advice.id, actor: operator()).suggestions

      assert Coordination.get_work_item!(item.id, @system).status == :pending
    end

    test "an item that is gone is skipped" do
      item = work_item()
      Coordination.activate_agent!(agent(), @system)
      advice = Intelligence.request_advice!(:assignment, @system)
      Coordination.cancel_work_item!(item, @system)

      assert [%{outcome: :skipped, note: "it is cancelled by now"}] =
               Intelligence.apply_advice!(advice.id, actor: operator()).suggestions
    end

    test "it is decided once" do
      urgent()
      advice = Intelligence.request_advice!(:priority, @system)
      Intelligence.apply_advice!(advice.id, @system)
      assert {:error, _} = Intelligence.apply_advice(advice.id, @system)
      # Read before somebody else decided.
      assert {:error, _} = Intelligence.dismiss_advice(advice, @system)
    end

    test "dismissing changes nothing but the advice" do
      item = urgent()
      advice = Intelligence.request_advice!(:priority, @system)
      assert %{status: :dismissed} = Intelligence.dismiss_advice!(advice, actor: operator())
      assert {:error, _} = Intelligence.apply_advice(advice.id, @system)
      assert Coordination.get_work_item!(item.id, @system).priority == :low
    end

    test "where the configuration says so, advice is applied as it comes" do
      item = urgent()
      context = [context: %{intelligence: [apply: :automatic]}]

      assert %{status: :applied, decided_by: "policy"} =
               Intelligence.request_advice!(:priority, @system ++ context)

      assert Coordination.get_work_item!(item.id, @system).priority == :critical
    end
  end

  describe "who may" do
    test "viewers read, and nothing else" do
      urgent()
      advice = Intelligence.request_advice!(:priority, @system)
      user = viewer()
      assert [%{}] = Intelligence.list_advices!(actor: user)

      assert {:error, %Ash.Error.Forbidden{}} =
               Intelligence.request_advice(:priority, actor: user)

      assert {:error, %Ash.Error.Forbidden{}} = Intelligence.apply_advice(advice.id, actor: user)
      assert {:error, %Ash.Error.Forbidden{}} = Intelligence.dismiss_advice(advice, actor: user)
      assert Intelligence.get_advice!(advice.id, @system).status == :proposed
    end

    test "agents and nobody do not even read" do
      urgent()
      advice = Intelligence.request_advice!(:priority, @system)

      for user <- [agent_account(), nil] do
        assert Intelligence.list_advices(actor: user) in [{:ok, []}] or
                 match?({:error, %Ash.Error.Forbidden{}}, Intelligence.list_advices(actor: user))

        assert {:error, %Ash.Error.Forbidden{}} =
                 Intelligence.request_advice(:priority, actor: user)

        assert {:error, _} = Intelligence.apply_advice(advice.id, actor: user)
      end
    end
  end

  test "whoever listens is told" do
    Intelligence.subscribe()
    Intelligence.request_advice!(:priority, @system)
    assert_receive :advices_changed
  end
end
