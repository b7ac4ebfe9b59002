defmodule Xavos.Accounts.User.SendMagicLink do
  @moduledoc """
  Mails a magic link. After too many requests no more mail is sent for a while, because `Xavos.Accounts.LimitSignIn`
  returns no user.
  """
  use AshAuthentication.Sender
  use XavosWeb, :verified_routes

  import Swoosh.Email

  alias Xavos.Mailer

  @impl true
  # An account of agents is no person, and its address need not be one.
  def send(%{role: :agent}, _token, _options), do: :ok

  def send(%{email: address}, token, _options),
    do: mail(to_string(address), url(~p"/magic_link?token=#{token}"))

  # Nobody is told that there is no such user.
  def send(_address, _token, _options), do: :ok

  defp mail(address, link) do
    new()
    |> to(address)
    |> from({"XAVOS", Application.fetch_env!(:xavos, :mail_from)})
    |> subject("Your link to sign in")
    |> text_body("""
    Open this link to sign in to XAVOS:

    #{link}

    It works once, for ten minutes. If you have not asked for it, there is nothing to do.
    """)
    |> Mailer.deliver()
  end
end
