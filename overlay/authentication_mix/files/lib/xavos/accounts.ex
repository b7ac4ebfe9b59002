defmodule Xavos.Accounts do
  @moduledoc "Who may use XAVOS: users and the tokens of their sessions."
  use Ash.Domain, otp_app: :xavos, extensions: []

  resources do
    resource Xavos.Accounts.User
    resource Xavos.Accounts.Token
  end
end
