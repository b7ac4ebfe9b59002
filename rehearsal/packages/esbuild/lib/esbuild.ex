defmodule Esbuild do
  @moduledoc "Rehearsal stand-in: nothing is downloaded, nothing is built."

  def bin_version, do: {:ok, "0.0.0"}
  def bin_path, do: "esbuild"
  def install, do: :ok
  def run(_profile, _args), do: 0
  def install_and_run(_profile, _args), do: 0
end
