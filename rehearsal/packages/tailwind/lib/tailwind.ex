defmodule Tailwind do
  @moduledoc "Rehearsal stand-in: downloads and builds nothing."

  def install, do: :ok
  def run(_profile, _args), do: 0
  def install_and_run(_profile, _args), do: 0
end
