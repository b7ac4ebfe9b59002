defmodule Telemetry.Metrics do
  @moduledoc "Rehearsal stand-in: describes metrics; no reporter collects them."

  for kind <- [:counter, :distribution, :last_value, :sum, :summary] do
    def unquote(kind)(name, opts \\ []), do: %{kind: unquote(kind), name: name, opts: opts}
  end
end
