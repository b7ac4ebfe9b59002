if Code.ensure_loaded?(Igniter) do
  defmodule Mix.Tasks.AshAuthentication.Install do
    @shortdoc "Generates users, their tokens and their secrets (rehearsal stand-in)"
    @moduledoc "#{@shortdoc}. `--auth-strategy password` adds a way to sign in."
    use Igniter.Mix.Task
    alias Igniter.Project

    @known ~w(password magic_link api_key)

    @impl Igniter.Mix.Task
    def igniter(igniter) do
      strategies = igniter.args.options[:auth_strategy]
      app = inspect(Project.app())

      if unknown = Enum.find(strategies, &(&1 not in @known)) do
        Mix.shell().error("Invalid strategy provided: `#{unknown}`")
        exit({:shutdown, 1})
      end

      igniter
      |> Project.import_dep(:ash_authentication)
      |> Project.configure("config.exs", Project.app(), :ash_domains, "[#{module("Accounts")}]")
      |> Project.configure("test.exs", :bcrypt_elixir, :log_rounds, "1")
      |> Project.configure("dev.exs", Project.app(), :token_signing_secret, inspect(random()))
      |> Project.configure("test.exs", Project.app(), :token_signing_secret, inspect(random()))
      |> Igniter.edit_file("config/runtime.exs", &runtime/1)
      |> Igniter.create_file(Project.file(module("Accounts")), domain(app))
      |> Igniter.create_file(Project.file(module("Accounts.Token")), token(app))
      |> Igniter.create_file(Project.file(module("Accounts.User")), user(app))
      |> Igniter.create_file(Project.file(module("Secrets")), secrets(app))
      |> Project.add_child("{AshAuthentication.Supervisor, otp_app: #{app}}")
      |> Igniter.edit_file(
        Project.file(module("Repo")),
        &String.replace(&1, ~s(["ash-functions"]), ~s(["ash-functions", "citext"]))
      )
      |> then(&Enum.reduce(strategies, &1, fn strategy, igniter -> add(strategy, igniter) end))
      |> Igniter.add_task("ash.codegen", [Enum.join(["add_authentication_resources" | strategies], "_and_")])
    end

    defp module(name), do: Project.module(name)
    defp random, do: 24 |> :crypto.strong_rand_bytes() |> Base.encode64(padding: false)

    defp add("password", igniter) do
      sender = module("Accounts.User.Senders.SendPasswordResetEmail")

      igniter
      |> Project.add_dep({:bcrypt_elixir, "~> 3.0"})
      |> Igniter.create_file(Project.file(sender), """
      defmodule #{sender} do
        @moduledoc "Tells where a new password can be set."
        use AshAuthentication.Sender

        @impl true
        def send(_user, token, _), do: IO.puts("Set a new password: /password-reset/\#{token}")
      end
      """)
      |> Igniter.edit_file(Project.file(module("Accounts.User")), fn text ->
        with text when is_binary(text) <- Project.append(text, "strategies do", strategy(sender)),
             do: Project.append(text, "attributes do", attributes())
      end)
    end

    # Another way to sign in is data to the stand-in, and no more.
    defp add(strategy, igniter) do
      Igniter.edit_file(
        igniter,
        Project.file(module("Accounts.User")),
        &Project.append(&1, "strategies do", "      #{strategy} :#{strategy}")
      )
    end

    defp strategy(sender) do
      """
            password :password do
              identity_field :email
              hash_provider AshAuthentication.BcryptProvider

              resettable do
                sender #{sender}
              end
            end
      """
      |> String.trim_trailing()
    end

    defp attributes do
      """

          attribute :hashed_password, :string do
            allow_nil? false
            sensitive? true
          end
      """
      |> String.trim_trailing()
    end

    defp runtime(text) do
      if text =~ "token_signing_secret",
        do: text,
        else:
          text <>
            """

            if config_env() == :prod do
              config #{inspect(Project.app())},
                token_signing_secret:
                  System.get_env("TOKEN_SIGNING_SECRET") ||
                    raise("environment variable TOKEN_SIGNING_SECRET is missing")
            end
            """
    end

    defp domain(app) do
      """
      defmodule #{module("Accounts")} do
        use Ash.Domain,
          otp_app: #{app}

        resources do
          resource #{module("Accounts.Token")}
          resource #{module("Accounts.User")}
        end
      end
      """
    end

    defp token(app) do
      """
      defmodule #{module("Accounts.Token")} do
        use Ash.Resource,
          otp_app: #{app},
          domain: #{module("Accounts")},
          data_layer: AshPostgres.DataLayer,
          authorizers: [Ash.Policy.Authorizer],
          extensions: [AshAuthentication.TokenResource]

        postgres do
          table "tokens"
          repo #{module("Repo")}
        end

        actions do
          defaults [:read]
        end

        policies do
          bypass AshAuthentication.Checks.AshAuthenticationInteraction do
            authorize_if always()
          end
        end
      end
      """
    end

    defp user(app) do
      """
      defmodule #{module("Accounts.User")} do
        use Ash.Resource,
          otp_app: #{app},
          domain: #{module("Accounts")},
          data_layer: AshPostgres.DataLayer,
          authorizers: [Ash.Policy.Authorizer],
          extensions: [AshAuthentication]

        authentication do
          add_ons do
            log_out_everywhere do
              apply_on_password_change? true
            end
          end

          tokens do
            enabled? true
            token_resource #{module("Accounts.Token")}
            signing_secret #{module("Secrets")}
            store_all_tokens? true
            require_token_presence_for_authentication? true
          end

          strategies do
          end
        end

        postgres do
          table "users"
          repo #{module("Repo")}
        end

        actions do
          defaults [:read]

          read :get_by_subject do
            description "The user a token speaks of."
            argument :subject, :string, allow_nil?: false
            get? true
            prepare AshAuthentication.Preparations.FilterBySubject
          end
        end

        policies do
          bypass AshAuthentication.Checks.AshAuthenticationInteraction do
            authorize_if always()
          end
        end

        attributes do
          uuid_primary_key :id

          attribute :email, :ci_string do
            allow_nil? false
            public? true
          end
        end

        identities do
          identity :unique_email, [:email]
        end
      end
      """
    end

    defp secrets(app) do
      """
      defmodule #{module("Secrets")} do
        use AshAuthentication.Secret

        def secret_for(
              [:authentication, :tokens, :signing_secret],
              #{module("Accounts.User")},
              _opts,
              _context
            ) do
          Application.fetch_env(#{app}, :token_signing_secret)
        end
      end
      """
    end
  end
else
  defmodule Mix.Tasks.AshAuthentication.Install do
    @shortdoc "Installs ash_authentication (needs igniter)"
    @moduledoc @shortdoc
    use Mix.Task

    @impl true
    def run(_argv) do
      Mix.shell().error("""
      The task 'ash_authentication.install' requires igniter to be run.

      Please install igniter and try again.
      """)

      exit({:shutdown, 1})
    end
  end
end
