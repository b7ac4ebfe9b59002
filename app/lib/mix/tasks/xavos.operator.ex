defmodule Mix.Tasks.Xavos.Operator do
  @shortdoc "Makes an operator"
  @moduledoc """
  Creates an operator. XAVOS starts without one, and has no default password.

      mix xavos.operator ada@example.org              # a new user; the password is read from standard input
      mix xavos.operator ada@example.org --generate   # a new user; a password is made up, and printed once
      mix xavos.operator ada@example.org --promote    # a user that there is
  """
  use Mix.Task

  alias AshAuthentication.{Info, Strategy}
  alias Xavos.Accounts
  alias Xavos.Accounts.{Refusal, User}

  @requirements ["app.start"]
  @system [authorize?: false]

  @impl true
  def run(arguments) do
    # What it prints is for whoever called it.
    Logger.configure(level: :warning)

    case OptionParser.parse(arguments, strict: [generate: :boolean, promote: :boolean]) do
      {options, [address], []} -> make(address, Map.new(options))
      _ -> Mix.raise("Say whom: mix xavos.operator ADDRESS [--generate | --promote]")
    end
  end

  defp make(address, %{promote: true}) do
    case Accounts.get_user_by_email(address, @system) do
      {:ok, user} ->
        promote(user)

      {:error, _error} ->
        Mix.raise("There is no user #{address}; leave --promote out to make one.")
    end
  end

  defp make(address, options) do
    if match?({:ok, _user}, Accounts.get_user_by_email(address, @system)),
      do: Mix.raise("There is a user #{address} already; --promote makes them an operator.")

    password = if options[:generate], do: generate(), else: ask()
    promote(register(address, password))
    if options[:generate], do: Mix.shell().info("Password: #{password}")
  end

  defp register(address, password) do
    User
    |> Info.strategy!(:password)
    |> Strategy.action(:register, %{
      "email" => address,
      "password" => password,
      "password_confirmation" => password
    })
    |> case do
      {:ok, user} -> user
      {:error, error} -> Mix.raise("#{address} was not made: #{Refusal.explain(error)}")
    end
  end

  defp promote(user) do
    Accounts.set_role!(user, :operator, @system)
    Mix.shell().info("#{user.email} is an operator.")
  end

  defp ask do
    case IO.gets("Password for the new operator (at least 8 characters): ") do
      line when is_binary(line) -> String.trim_trailing(line, "\n")
      _end_of_file -> Mix.raise("No password came from standard input; --generate makes one up.")
    end
  end

  defp generate, do: 15 |> :crypto.strong_rand_bytes() |> Base.url_encode64()
end
