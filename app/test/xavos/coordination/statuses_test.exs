defmodule Xavos.Coordination.StatusesTest do
  use ExUnit.Case, async: true

  alias Xavos.Coordination.{Agent, Statuses, WorkItem}

  test "work is open or finished; what is held or closed is part of that" do
    assert Statuses.of_work() == WorkItem.statuses()
    assert Statuses.open() ++ Statuses.finished() == Statuses.of_work()
    assert Statuses.working() -- Statuses.held() == []
    assert Statuses.held() == Statuses.open() -- [:pending]
    assert Statuses.closed() == Statuses.finished() -- [:failed]
  end

  test "agents that can be given work are those at work, and new ones" do
    assert Statuses.of_agents() == Agent.statuses()
    assert Statuses.available() == [:registering | Statuses.present()]
    assert Statuses.of_agents() -- Statuses.available() == [:maintenance, :offline]
  end
end
