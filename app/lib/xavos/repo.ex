defmodule Xavos.Repo do
  use AshPostgres.Repo, otp_app: :xavos

  @impl true
  def installed_extensions do
    # Functions that Ash's expressions call; no extension of PostgreSQL itself, so that any server will do.
    ["ash-functions"]
  end

  @impl true
  def min_pg_version do
    %Version{major: 14, minor: 0, patch: 0}
  end

  # A transaction only where an action asks for several statements.
  @impl true
  def prefer_transaction? do
    false
  end
end
