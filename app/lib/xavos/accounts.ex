defmodule Xavos.Accounts do
  @moduledoc "The domain of accounts: users and the tokens of their sessions."
  use Ash.Domain, otp_app: :xavos, extensions: [AshAdmin.Domain, AshJsonApi.Domain]

  resources do
    resource Xavos.Accounts.User do
      define :list_users, action: :list
      define :get_user, action: :read, get_by: [:id]
      define :get_user_by_email, action: :read, get_by: [:email]
      define :set_role, action: :set_role, args: [:role]
      define :create_service_account, action: :create_service_account
    end

    resource Xavos.Accounts.ApiKey do
      define :issue_api_key, action: :issue
      define :list_api_keys, action: :list
      define :get_api_key, action: :read, get_by: [:id]
      define :revoke_api_key, action: :revoke
    end

    # Written and read by AshAuthentication alone.
    resource Xavos.Accounts.Token
  end

  admin do
    show? true
  end
end
