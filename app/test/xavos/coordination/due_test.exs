defmodule Xavos.Coordination.DueTest do
  use XavosWeb.ConnCase, async: false

  import Phoenix.LiveViewTest
  import Xavos.AccountsFactory
  import Xavos.Factory
  import XavosWeb.SignIn

  alias Xavos.Coordination

  @system [authorize?: false]
  @past ~U[2020-01-02 03:04:00.000000Z]

  test "an item is wanted at no time, until somebody says when" do
    item = work_item()
    assert item.due_at == nil

    assert %{due_at: @past} =
             item = Coordination.schedule_work_item!(item, %{due_at: @past}, @system)

    assert %{due_at: nil} = Coordination.schedule_work_item!(item, %{due_at: nil}, @system)
  end

  test "only what is open can be overdue" do
    item = Coordination.schedule_work_item!(work_item(), %{due_at: @past}, @system)
    assert Ash.load!(item, :overdue?, @system).overdue?
    refute Ash.load!(work_item(), :overdue?, @system).overdue?
    cancelled = Coordination.cancel_work_item!(item, @system)
    refute Ash.load!(cancelled, :overdue?, @system).overdue?
  end

  test "only operators say when" do
    assert {:error, %Ash.Error.Forbidden{}} =
             Coordination.schedule_work_item(work_item(), %{due_at: @past}, actor: viewer())
  end

  if Code.ensure_loaded?(LazyHTML) do
    test "the board shows it", %{conn: conn} do
      item = Coordination.schedule_work_item!(work_item(), %{due_at: @past}, @system)
      {:ok, view, _html} = conn |> sign_in(viewer()) |> live(~p"/coordination")
      assert has_element?(view, "#item-#{item.work_item_id} time", "2020-01-02 03:04")
    end
  end
end
