defmodule XavosWeb.CoordinationLiveTest do
  # What others do is told to all, so these tests have the database, and what is told, for themselves.
  use XavosWeb.ConnCase, async: false

  import Phoenix.LiveViewTest
  import Xavos.AccountsFactory
  import Xavos.Factory
  import XavosWeb.SignIn

  alias Xavos.Coordination

  @system [authorize?: false]

  if not Code.ensure_loaded?(LazyHTML), do: @moduletag(skip: "lazy_html is not there")

  defp board(conn, user) do
    {:ok, view, _html} = conn |> sign_in(user) |> live(~p"/coordination")
    view
  end

  # Longer than the time between two readings.
  defp soon(condition, tries \\ 40) do
    cond do
      condition.() -> true
      tries == 0 -> false
      true -> Process.sleep(50) && soon(condition, tries - 1)
    end
  end

  describe "who may look" do
    test "nobody is led to where they can sign in", %{conn: conn} do
      assert {:error, {:redirect, %{to: "/sign-in"}}} = live(conn, ~p"/coordination")
      assert redirected_to(get(conn, ~p"/coordination")) == "/sign-in"
    end

    test "viewers and operators may, and the head of the page leads there", %{conn: conn} do
      for user <- [viewer(), operator()] do
        html = conn |> sign_in(user) |> get(~p"/coordination") |> html_response(200)
        assert html =~ ~s(href="/coordination")
        assert html =~ ~s(/assets/css/board.css)
      end
    end

    test "the style sheet is served", %{conn: conn} do
      assert %{status: 200} = get(conn, "/assets/css/board.css")
    end

    test "nobody sees the way there", %{conn: conn} do
      refute conn |> get(~p"/") |> html_response(200) =~ ~s(href="/coordination")
    end
  end

  describe "what is shown" do
    test "an empty board says so", %{conn: conn} do
      view = board(conn, viewer())
      assert has_element?(view, "#no-agents")
      assert has_element?(view, "#column-pending", "nothing")
      assert has_element?(view, "#count-pending", "0")
    end

    test "work, agents, teams and events", %{conn: conn} do
      team = team(title: "Rockets")
      agent = Coordination.activate_agent!(agent(team_id: team.id, capacity: 2), @system)
      held = work_item(team_id: team.id, description: "Build <b>it</b>")
      waiting = work_item(priority: :critical)
      Coordination.assign_work_item!(held, agent.id, @system)

      view = board(conn, viewer())

      assert has_element?(
               view,
               "#column-pending #item-#{waiting.work_item_id}[data-priority=critical]"
             )

      assert has_element?(view, "#column-working #item-#{held.work_item_id}", agent.agent_id)

      assert has_element?(
               view,
               "#agent-#{agent.agent_id} [role=meter][aria-valuenow='1'][aria-valuemax='2']"
             )

      assert has_element?(view, "#team-#{team.name}", "Rockets")
      assert has_element?(view, "#events li", held.work_item_id)
      assert has_element?(view, "#count-claimed", "1")
      assert render(view) =~ "Build &lt;b&gt;it&lt;/b&gt;"
    end

    test "blocked work says why, finished work what became of it", %{conn: conn} do
      agent = Coordination.activate_agent!(agent(capacity: 3), @system)

      [blocked, done] =
        for _ <- 1..2, do: Coordination.assign_work_item!(work_item(), agent.id, @system)

      Coordination.block_work_item!(blocked, "no paint", @system)
      Coordination.complete_work_item!(done, %{}, @system)
      view = board(conn, viewer())
      assert has_element?(view, "#column-blocked #item-#{blocked.work_item_id}", "no paint")
      assert has_element?(view, "#column-finished #item-#{done.work_item_id}", "completed")
    end

    test "what is counted is shown, also where nothing says when it was finished", %{conn: conn} do
      for number <- 1..3 do
        finished_at = if number == 1, do: DateTime.utc_now()
        work_item() |> Ash.Seed.update!(%{status: :completed, finished_at: finished_at})
      end

      view = board(conn, viewer())
      assert has_element?(view, "#title-finished", "3")
      assert view |> render() |> String.split(~s(data-status="completed")) |> length() > 3
      refute has_element?(view, "#column-finished", "nothing")
    end

    test "of much, only the first is shown", %{conn: conn} do
      for _ <- 1..12, do: work_item()
      view = board(conn, viewer())
      assert has_element?(view, "#column-pending", "and 6 more")
      assert has_element?(view, "#count-pending", "12")
    end

    test "every figure says how long it is, so that it can be made to fit", %{conn: conn} do
      for _ <- 1..12, do: work_item()
      view = board(conn, viewer())
      assert has_element?(view, "#count-pending[style='--digits: 2']", "12")
      assert has_element?(view, "#count-agents[style='--digits: 1']", "0")
    end

    test "headings, captions, and a voice for those who do not see it", %{conn: conn} do
      html = conn |> board(viewer()) |> render()
      assert html =~ "<h1>Coordination</h1>"
      assert html =~ "<caption>"
      assert html =~ ~s(aria-live="polite")
      assert html =~ "0 waiting, 0 being worked on, 0 blocked, 0 agents"
    end
  end

  describe "live" do
    test "what others do is seen", %{conn: conn} do
      view = board(conn, viewer())
      item = work_item()
      assert soon(fn -> has_element?(view, "#item-#{item.work_item_id}") end)
      assert has_element?(view, "#events li", item.work_item_id)
    end

    test "two browsers, one acting, the other seeing", %{conn: conn} do
      item = work_item()
      acting = board(conn, operator())
      seeing = board(conn, viewer())
      acting |> element("button[aria-label='cancel #{item.work_item_id}']") |> render_click()

      assert soon(fn ->
               has_element?(seeing, "#column-finished #item-#{item.work_item_id}", "cancelled")
             end)
    end

    test "however much happens, it is drawn at most twice a second", %{conn: conn} do
      view = board(conn, viewer())
      test = self()
      id = "renders-#{System.unique_integer()}"
      pid = view.pid

      :telemetry.attach(
        id,
        [:phoenix, :live_view, :render, :stop],
        fn _event, _measured, %{socket: socket}, _config ->
          if socket.root_pid == pid, do: send(test, :rendered)
        end,
        nil
      )

      on_exit(fn -> :telemetry.detach(id) end)

      for _ <- 1..100 do
        send(view.pid, {:coordination_events, [%{}]})
        Process.sleep(10)
      end

      render(view)
      {:messages, messages} = Process.info(self(), :messages)
      assert Enum.count(messages, &(&1 == :rendered)) <= 6
    end

    test "a board that cannot be read says so, and keeps what it had" do
      assigns = %{
        __changed__: %{},
        current_user: nil,
        board: :as_it_was,
        trouble: nil,
        known: MapSet.new(),
        timer: nil,
        read_at: 0,
        cost: 0
      }

      log =
        ExUnit.CaptureLog.capture_log(fn ->
          # Nobody may read anything, which stands for whatever else can go wrong.
          socket = %Phoenix.LiveView.Socket{assigns: assigns}

          assert {:noreply, %{assigns: assigns}} =
                   XavosWeb.CoordinationLive.handle_info(:refresh, socket)

          assert %{trouble: "The board cannot be read" <> _, board: :as_it_was} = assigns
        end)

      assert log =~ "The board cannot be read"
    end

    test "what was missed is read again", %{conn: conn} do
      view = board(conn, viewer())
      send(view.pid, :coordination_changed)
      send(view.pid, :tick)
      assert render(view) =~ "Coordination"
    end

    test "events are told once, the latest first, and no more than thirty", %{conn: conn} do
      items = for _ <- 1..40, do: work_item()
      view = board(conn, viewer())
      assert view |> render() |> String.split("<li id=\"events-") |> length() == 31
      last = work_item()
      assert soon(fn -> has_element?(view, "#events li", last.work_item_id) end)
      html = render(view)
      assert html |> String.split("<b>#{last.work_item_id}</b> add") |> length() == 2
      refute has_element?(view, "#events li", hd(items).work_item_id)
    end
  end

  describe "what operators do" do
    test "they add work", %{conn: conn} do
      before = work_item()
      team = team()
      view = board(conn, operator())
      name = unique("NEW")

      view
      |> form("#add-form",
        item: %{
          work_item_id: name,
          description: "Something new",
          priority: "high",
          team_id: team.id,
          waits_for: before.work_item_id
        }
      )
      |> render_submit()

      assert render(view) =~ "#{name} is added."

      item =
        Coordination.get_work_item_by_work_item_id!(name, load: [:depends_on], authorize?: false)

      assert %{priority: :high, type: "task", team_id: team_id, depends_on: [%{id: id}]} = item
      assert {team_id, id} == {team.id, before.id}
      assert soon(fn -> has_element?(view, "#item-#{name}") end)
    end

    test "what is wrong with it is said", %{conn: conn} do
      item = work_item()
      view = board(conn, operator())

      assert view
             |> form("#add-form", item: %{work_item_id: item.work_item_id, description: "Twice"})
             |> render_submit() =~ "has already been taken"

      assert view
             |> form("#add-form",
               item: %{work_item_id: unique("X"), description: "D", waits_for: "NO-SUCH"}
             )
             |> render_submit() =~ "there is no work item NO-SUCH"

      assert view
             |> form("#add-form", item: %{work_item_id: "no spaces!", description: "D"})
             |> render_change() =~
               ~s(aria-invalid="true")
    end

    test "they change priorities", %{conn: conn} do
      item = work_item()
      view = board(conn, operator())
      view |> form("#prioritise-#{item.work_item_id}", priority: "critical") |> render_change()
      assert Coordination.get_work_item!(item.id, @system).priority == :critical
    end

    test "they release work", %{conn: conn} do
      agent = Coordination.activate_agent!(agent(), @system)
      item = Coordination.assign_work_item!(work_item(), agent.id, @system)
      view = board(conn, operator())
      view |> element("button[aria-label='release #{item.work_item_id}']") |> render_click()
      assert Coordination.get_work_item!(item.id, @system).status == :pending
      assert soon(fn -> has_element?(view, "#column-pending #item-#{item.work_item_id}") end)
    end

    test "what no longer holds is said", %{conn: conn} do
      item = work_item()
      view = board(conn, operator())
      Coordination.cancel_work_item!(item, @system)
      assert render_click(view, "release", %{id: item.id}) =~ "it is cancelled by now"
      assert render_click(view, "cancel", %{id: Ash.UUID.generate()}) =~ "could not be done"
    end

    test "who has done it is in the record", %{conn: conn} do
      user = operator()
      item = work_item()
      conn |> board(user) |> render_click("cancel", %{id: item.id})
      [event | _] = Coordination.list_events!(authorize?: false, page: false)
      assert %{kind: "work_item.cancel", actor: actor} = event
      assert actor == to_string(user.email)
    end
  end

  describe "what viewers do not do" do
    test "they see no button and no form", %{conn: conn} do
      work_item()
      view = board(conn, viewer())
      refute has_element?(view, ".board button")
      refute has_element?(view, ".board form")
    end

    test "they are refused whatever they send", %{conn: conn} do
      item = work_item()
      view = board(conn, viewer())

      for {event, params} <- [
            {"cancel", %{id: item.id}},
            {"release", %{id: item.id}},
            {"prioritise", %{item_id: item.id, priority: "critical"}},
            {"add", %{item: %{work_item_id: "SNEAKED", description: "In"}}},
            {"validate", %{item: %{}}}
          ] do
        assert render_click(view, event, params) =~ "Only operators may do that."
      end

      assert %{status: :pending, priority: :medium} =
               Coordination.get_work_item!(item.id, @system)

      assert length(Coordination.list_work_items!(authorize?: false, page: false)) == 1
    end

    test "whoever was an operator when the page was opened is asked again", %{conn: conn} do
      operator()
      user = operator()
      item = work_item()
      view = board(conn, user)
      # The page may be closed by that; if it is not, it refuses.
      Process.flag(:trap_exit, true)
      Xavos.Accounts.set_role!(user, :viewer, @system)

      try do
        result = render_click(view, "cancel", %{id: item.id})
        assert match?({:error, {:redirect, _}}, result) or result =~ "Only operators may do that."
      catch
        :exit, _closed -> :ok
      end

      assert Coordination.get_work_item!(item.id, @system).status == :pending
    end

    test "what is no event is no trouble", %{conn: conn} do
      assert conn |> board(viewer()) |> render_click("explode", %{}) =~ "not understood"
    end
  end
end
