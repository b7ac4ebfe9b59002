defmodule AshAuthentication.Sections do
  @moduledoc false
  require Spark.Dsl
  Spark.Dsl.defsections([:authentication])
end

defmodule AshAuthentication.TokenResource.Sections do
  @moduledoc false
  require Spark.Dsl
  Spark.Dsl.defsections([:token])
end

defmodule AshAuthentication do
  @moduledoc "Rehearsal stand-in: users with passwords, and tokens for them."

  alias Ash.Resource.Info

  def authenticated_resources(otp_app) do
    for resource <- Ash.Info.resources(otp_app), __MODULE__ in Info.extensions(resource), do: resource
  end

  def subject_to_user(subject, resource, opts \\ []) do
    with [_, query] <- String.split(to_string(subject), "?", parts: 2),
         %{"id" => id} <- URI.decode_query(query) do
      Ash.get(resource, id, Keyword.put(opts, :authorize?, false))
    else
      _ -> {:error, :bad_subject}
    end
  end

  def user_to_subject(%resource{id: id}), do: "#{AshAuthentication.Info.subject_name(resource)}?id=#{id}"

  @doc false
  def added_actions(resource) do
    strategy = AshAuthentication.Info.strategy!(resource, :password)

    [
      %Ash.Resource.Action{name: :register_with_password, type: :create, accept: [strategy.identity_field]},
      %Ash.Resource.Action{name: :sign_in_with_password, type: :read, get?: true}
    ]
  end
end

defmodule AshAuthentication.Errors.AuthenticationFailed do
  defexception [:caused_by, :strategy, class: :forbidden]
  @impl true
  def message(_), do: "Authentication failed"
end

defmodule AshAuthentication.Strategy.Password do
  @moduledoc "Rehearsal stand-in: registration and sign-in with a password."

  alias Ash.Error.Changes.{InvalidAttribute, Required}
  alias AshAuthentication.Errors.AuthenticationFailed

  defstruct [
    :name,
    :resource,
    :identity_field,
    :hashed_password_field,
    :hash_provider,
    confirmation_required?: true,
    provider: :password
  ]

  @context %{private: %{ash_authentication?: true}}
  @shortest 8

  def action(strategy, :register, params, _opts) do
    password = params["password"]

    changeset =
      strategy.resource
      |> Ash.Changeset.for_create(:register_with_password, Map.take(params, [to_string(strategy.identity_field)]),
        context: @context
      )
      |> checked(strategy, password, params["password_confirmation"])

    with {:ok, user} <- Ash.create(changeset), do: with_token(user)
  end

  def action(strategy, :sign_in, params, _opts) do
    identity = params[to_string(strategy.identity_field)]
    query = Ash.Query.for_read(strategy.resource, :sign_in_with_password, %{}, context: @context)

    with {:ok, identity} when identity != nil <-
           Ash.Type.cast(Ash.Resource.Info.attribute(strategy.resource, strategy.identity_field).type, identity, []),
         {:ok, user} when user != nil <- Ash.read_one(%{query | filter: [{strategy.identity_field, :==, identity}]}),
         true <-
           strategy.hash_provider.valid?(params["password"] || "", Map.fetch!(user, strategy.hashed_password_field)) do
      with_token(user)
    else
      {:error, %Ash.Error.Unknown{} = error} ->
        {:error, error}

      _ ->
        strategy.hash_provider.simulate()
        {:error, %AuthenticationFailed{strategy: strategy}}
    end
  end

  defp checked(changeset, strategy, password, confirmation) do
    cond do
      password in [nil, ""] ->
        Ash.Changeset.add_error(changeset, %Required{field: :password, type: :argument})

      String.length(password) < @shortest ->
        Ash.Changeset.add_error(changeset, %InvalidAttribute{
          field: :password,
          message: "length must be greater than or equal to #{@shortest}"
        })

      strategy.confirmation_required? and password != confirmation ->
        Ash.Changeset.add_error(changeset, %InvalidAttribute{field: :password_confirmation, message: "does not match"})

      true ->
        {:ok, hash} = strategy.hash_provider.hash(password)
        Ash.Changeset.force_change_attribute(changeset, strategy.hashed_password_field, hash)
    end
  end

  defp with_token(user) do
    with {:ok, token, _} <- AshAuthentication.Jwt.token_for_user(user),
         do: {:ok, Ash.Resource.put_metadata(user, :token, token)}
  end
end

defmodule AshAuthentication.Info do
  @moduledoc false

  import Spark.Dsl, only: [child: 2, option: 2, option: 3, section_of: 2]
  alias AshAuthentication.Strategy.Password

  def subject_name(resource), do: resource |> Module.split() |> List.last() |> Macro.underscore()

  def strategies(resource) do
    for %{name: :password, args: args, body: body} <- resource |> section_of(:authentication) |> child(:strategies) do
      %Password{
        name: List.first(args) || :password,
        resource: resource,
        identity_field: option(body, :identity_field, :username),
        hashed_password_field: option(body, :hashed_password_field, :hashed_password),
        hash_provider: option(body, :hash_provider, AshAuthentication.BcryptProvider),
        confirmation_required?: option(body, :confirmation_required?, true)
      }
    end
  end

  def strategy(resource, name),
    do: with(%{} = found <- Enum.find(strategies(resource), &(&1.name == name)), do: {:ok, found}, else: (_ -> :error))

  def strategy!(resource, name) do
    {:ok, strategy} = strategy(resource, name)
    strategy
  end

  def tokens(resource), do: resource |> section_of(:authentication) |> child(:tokens)
  def token_resource(resource), do: resource |> tokens() |> option(:token_resource)
  def tokens_required?(resource), do: resource |> tokens() |> option(:require_token_presence_for_authentication?, false)

  def signing_secret(resource) do
    case resource |> tokens() |> option(:signing_secret) do
      secret when is_binary(secret) ->
        secret

      module ->
        {:ok, secret} = module.secret_for([:authentication, :tokens, :signing_secret], resource, [], %{})
        secret
    end
  end
end

defmodule AshAuthentication.Secret do
  @moduledoc false

  defmacro __using__(_), do: quote(do: @behaviour(AshAuthentication.Secret))
  @callback secret_for([atom()], module(), keyword(), map()) :: {:ok, String.t()} | :error
end

defmodule AshAuthentication.Sender do
  @moduledoc false

  defmacro __using__(_), do: quote(do: @behaviour(AshAuthentication.Sender))
  @callback send(term(), String.t(), keyword()) :: term()
end

defmodule AshAuthentication.BcryptProvider do
  @moduledoc false
  def hash(password), do: {:ok, Bcrypt.hash_pwd_salt(password)}
  def valid?(password, hash), do: Bcrypt.verify_pass(password, hash)
  def simulate, do: Bcrypt.no_user_verify()
end

defmodule AshAuthentication.Checks.AshAuthenticationInteraction do
  @moduledoc false
  use Ash.Policy.SimpleCheck

  @impl true
  def match?(_actor, %{context: context}, _opts), do: match?(%{private: %{ash_authentication?: true}}, context)
end

defmodule AshAuthentication.Preparations.FilterBySubject do
  @moduledoc false

  def prepare(query, _opts, _context) do
    case URI.decode_query(query |> Ash.Query.get_argument(:subject) |> String.split("?") |> List.last()) do
      %{"id" => id} -> Ash.Query.do_filter(query, id: id)
      _ -> query
    end
  end
end

defmodule AshAuthentication.Supervisor do
  @moduledoc "Rehearsal stand-in: removes expired tokens at its start and periodically."
  use GenServer

  @period :timer.hours(12)

  def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)

  @impl true
  def init(opts), do: {:ok, opts, @period}
  @impl true
  def handle_info(_, opts), do: {:noreply, opts, @period}
end

defmodule AshAuthentication.TokenResource do
  @moduledoc "Rehearsal stand-in: stores issued tokens."

  alias Ash.Resource.{Action, Attribute}
  alias AshAuthentication.Checks

  @context %{private: %{ash_authentication?: true}}

  def added_fields, do: [:updated_at, :created_at, :extra_data, :purpose, :expires_at, :subject, :jti]

  def added_attributes(_resource) do
    stamp = &DateTime.utc_now/0

    [
      %Attribute{
        name: :updated_at,
        type: :utc_datetime_usec,
        default: stamp,
        update_default: stamp,
        allow_nil?: false,
        writable?: false
      },
      %Attribute{name: :created_at, type: :utc_datetime_usec, default: stamp, allow_nil?: false, writable?: false},
      %Attribute{name: :extra_data, type: :map, public?: true},
      %Attribute{name: :purpose, type: :string, allow_nil?: false, public?: true},
      %Attribute{name: :expires_at, type: :utc_datetime, allow_nil?: false},
      %Attribute{name: :subject, type: :string, allow_nil?: false},
      %Attribute{name: :jti, type: :string, allow_nil?: false, primary_key?: true, public?: true, sensitive?: true}
    ]
  end

  def added_actions(_resource) do
    [
      %Action{
        name: :store_token,
        type: :create,
        accept: [:jti, :subject, :expires_at, :purpose, :extra_data],
        upsert?: true
      },
      %Action{name: :get_token, type: :read, get?: true}
    ]
  end

  def store(resource, claims) do
    values = %{
      jti: claims["jti"],
      subject: claims["sub"],
      purpose: claims["purpose"],
      expires_at: DateTime.from_unix!(claims["exp"])
    }

    resource |> Ash.Changeset.for_create(:store_token, values, context: @context) |> Ash.create()
  end

  def revoke(resource, claims) do
    values = %{
      jti: claims["jti"],
      subject: claims["sub"],
      purpose: "revocation",
      expires_at: DateTime.from_unix!(claims["exp"])
    }

    resource |> Ash.Changeset.for_create(:store_token, values, context: @context) |> Ash.create()
  end

  def known?(resource, claims) do
    _ = Checks.AshAuthenticationInteraction
    match?({:ok, %{purpose: "user"}}, Ash.get(resource, claims["jti"], action: :get_token, context: @context))
  end
end

defmodule AshAuthentication.Jwt do
  @moduledoc "Rehearsal stand-in: HS256 tokens."

  @days 14

  def token_for_user(user, claims \\ %{}, _opts \\ []) do
    resource = user.__struct__
    now = System.os_time(:second)

    claims =
      Map.merge(
        %{
          "sub" => AshAuthentication.user_to_subject(user),
          "jti" => Ecto.UUID.generate(),
          "iat" => now,
          "nbf" => now,
          "exp" => now + @days * 86_400,
          "purpose" => "user",
          "iss" => "AshAuthentication (stand-in)"
        },
        claims
      )

    store = AshAuthentication.Info.token_resource(resource)

    with {:ok, _} <- if(store, do: AshAuthentication.TokenResource.store(store, claims), else: {:ok, nil}) do
      body = encode(%{"alg" => "HS256", "typ" => "JWT"}) <> "." <> encode(claims)
      {:ok, body <> "." <> signature(body, resource), claims}
    end
  end

  def peek(token) do
    with [_, claims, _] <- String.split(token, "."),
         {:ok, json} <- Base.url_decode64(claims, padding: false),
         do: Jason.decode(json),
         else: (_ -> {:error, :invalid})
  end

  def verify(token, otp_app_or_resource) when is_binary(token) do
    with {:ok, claims} <- peek(token),
         resource when resource != nil <- resource(claims, otp_app_or_resource),
         [head, body, mac] <- String.split(token, "."),
         true <- Plug.Crypto.secure_compare(mac, signature(head <> "." <> body, resource)),
         true <- claims["exp"] > System.os_time(:second),
         true <- present?(resource, claims) do
      {:ok, claims, resource}
    else
      _ -> :error
    end
  end

  def verify(_, _), do: :error

  defp present?(resource, claims) do
    store = AshAuthentication.Info.token_resource(resource)

    store == nil or not AshAuthentication.Info.tokens_required?(resource) or
      AshAuthentication.TokenResource.known?(store, claims)
  end

  defp resource(claims, otp_app) do
    [subject | _] = String.split(claims["sub"] || "", "?")
    Enum.find(AshAuthentication.authenticated_resources(otp_app), &(AshAuthentication.Info.subject_name(&1) == subject))
  end

  defp encode(map), do: map |> Jason.encode!() |> Base.url_encode64(padding: false)

  defp signature(body, resource),
    do:
      :hmac
      |> :crypto.mac(:sha256, AshAuthentication.Info.signing_secret(resource), body)
      |> Base.url_encode64(padding: false)
end

defmodule AshAuthentication.Strategy do
  @moduledoc false
  def action(%module{} = strategy, name, params, opts \\ []), do: module.action(strategy, name, params, opts)
end

defmodule AshAuthentication.Plug.Helpers do
  @moduledoc false

  alias AshAuthentication.{Info, Jwt}

  def set_actor(conn, subject), do: Ash.PlugHelpers.set_actor(conn, conn.assigns[:"current_#{subject}"])

  def store_in_session(conn, user) do
    name = Info.subject_name(user.__struct__)

    if Info.tokens_required?(user.__struct__),
      do: Plug.Conn.put_session(conn, "#{name}_token", user.__metadata__.token),
      else: Plug.Conn.put_session(conn, name, AshAuthentication.user_to_subject(user))
  end

  def retrieve_from_session(conn, otp_app, _opts \\ []) do
    Enum.reduce(AshAuthentication.authenticated_resources(otp_app), conn, fn resource, conn ->
      Plug.Conn.assign(
        conn,
        :"current_#{Info.subject_name(resource)}",
        user(Plug.Conn.get_session(conn), resource, otp_app)
      )
    end)
  end

  def retrieve_from_bearer(conn, otp_app, _opts \\ []) do
    with ["Bearer " <> token | _] <- Plug.Conn.get_req_header(conn, "authorization"),
         {:ok, claims, resource} <- Jwt.verify(token, otp_app),
         {:ok, user} <- AshAuthentication.subject_to_user(claims["sub"], resource) do
      Plug.Conn.assign(conn, :"current_#{Info.subject_name(resource)}", user)
    else
      _ -> conn
    end
  end

  def user(session, resource, otp_app) do
    name = Info.subject_name(resource)

    subject =
      with token when is_binary(token) <- session["#{name}_token"],
           {:ok, claims, ^resource} <- Jwt.verify(token, otp_app) do
        claims["sub"]
      else
        _ -> unless Info.tokens_required?(resource), do: session[name]
      end

    with true <- is_binary(subject),
         {:ok, user} <- AshAuthentication.subject_to_user(subject, resource),
         do: user,
         else: (_ -> nil)
  end

  def revoke_session_tokens(conn, otp_app) do
    for resource <- AshAuthentication.authenticated_resources(otp_app),
        token = Plug.Conn.get_session(conn, "#{Info.subject_name(resource)}_token"),
        {:ok, claims, _} <- [Jwt.verify(token, otp_app)],
        store = Info.token_resource(resource) do
      AshAuthentication.TokenResource.revoke(store, claims)
    end

    conn
  end
end
