defmodule Xavos.Expectations.SecondRelease do
  @moduledoc "Who may say when work is wanted."
  @behaviour Xavos.Expectations

  alias Xavos.Coordination.WorkItem

  @impl true
  def table, do: %{{WorkItem, :schedule} => [:operator]}
end
