defmodule AshAuthentication.Phoenix.Plug do
  @moduledoc "Rehearsal stand-in: loads the user from the session or a bearer token."

  alias AshAuthentication.Plug.Helpers

  def load_from_session(conn, opts \\ []), do: Helpers.retrieve_from_session(conn, otp_app(conn, opts))
  def load_from_bearer(conn, opts \\ []), do: Helpers.retrieve_from_bearer(conn, otp_app(conn, opts))
  def store_in_session(conn, user), do: Helpers.store_in_session(conn, user)

  defp otp_app(conn, opts),
    do: if(is_list(opts) and opts[:otp_app], do: opts[:otp_app], else: conn.private.phoenix_endpoint.config(:otp_app))
end

defmodule AshAuthentication.Phoenix.Controller do
  @moduledoc "Rehearsal stand-in: callbacks after a sign-in succeeds or fails."

  @callback success(Plug.Conn.t(), term(), term(), term()) :: Plug.Conn.t()
  @callback failure(Plug.Conn.t(), term(), term()) :: Plug.Conn.t()
  @callback sign_out(Plug.Conn.t(), map()) :: Plug.Conn.t()
  @optional_callbacks sign_out: 2

  defmacro __using__(_) do
    quote do
      import Plug.Conn, except: [clear_session: 1]
      import AshAuthentication.Phoenix.Controller
      import AshAuthentication.Phoenix.Plug

      def action(conn, opts) do
        case conn.private do
          %{phoenix_action: {:success, args}} -> apply(__MODULE__, :success, [conn | args])
          %{phoenix_action: {:failure, args}} -> apply(__MODULE__, :failure, [conn | args])
          _ -> super(conn, opts)
        end
      end
    end
  end

  def clear_session(conn, otp_app) do
    conn |> AshAuthentication.Plug.Helpers.revoke_session_tokens(otp_app) |> Plug.Conn.clear_session()
  end
end

defmodule AshAuthentication.Phoenix.Dispatcher do
  @moduledoc false
  @behaviour Plug

  alias AshAuthentication.{Info, Strategy}

  @impl true
  def init(opts), do: opts

  @impl true
  def call(conn, {controller, resource, strategy, phase}) do
    params = conn.params[Info.subject_name(resource)] || %{}
    activity = {strategy, phase}

    case Strategy.action(Info.strategy!(resource, strategy), phase, params) do
      {:ok, user} -> controller.call(conn, {:success, [activity, user, user.__metadata__.token]})
      {:error, reason} -> controller.call(conn, {:failure, [activity, reason]})
    end
  end
end

defmodule AshAuthentication.Phoenix.LiveSession do
  @moduledoc false

  def on_mount(_, _params, session, socket) do
    otp_app = socket.endpoint.config(:otp_app)

    socket =
      Enum.reduce(AshAuthentication.authenticated_resources(otp_app), socket, fn resource, socket ->
        name = :"current_#{AshAuthentication.Info.subject_name(resource)}"

        Phoenix.Component.assign_new(socket, name, fn ->
          AshAuthentication.Plug.Helpers.user(session, resource, otp_app)
        end)
      end)

    {:cont, socket}
  end
end

defmodule AshAuthentication.Phoenix.Overrides.Default do
  @moduledoc false
end

defmodule AshAuthentication.Phoenix.Overrides do
  @moduledoc false

  defmacro __using__(_), do: quote(do: import(AshAuthentication.Phoenix.Overrides))
  defmacro override(_component, do: _), do: nil
end

defmodule AshAuthentication.Phoenix.Router do
  @moduledoc "Rehearsal stand-in: routes of registration, sign-in and sign-out."

  defmacro __using__(_) do
    quote do
      import AshAuthentication.Phoenix.Router
      import AshAuthentication.Phoenix.Plug
    end
  end

  defmacro ash_authentication_live_session(name \\ :ash_authentication, opts \\ [], do: block) do
    opts =
      Keyword.update(
        opts,
        :on_mount,
        [AshAuthentication.Phoenix.LiveSession],
        &[AshAuthentication.Phoenix.LiveSession | List.wrap(&1)]
      )

    quote do
      require Phoenix.LiveView.Router
      Phoenix.LiveView.Router.live_session(unquote(name), unquote(opts), do: unquote(block))
    end
  end

  defmacro auth_routes(controller, resources, opts \\ []) do
    controller = Plug.Builder.runtime_alias(controller, __CALLER__)
    resources = Macro.prewalk(resources, &Plug.Builder.runtime_alias(&1, __CALLER__))

    quote do
      AshAuthentication.Phoenix.Router.__auth_routes__(
        __MODULE__,
        unquote(controller),
        List.wrap(unquote(resources)),
        unquote(opts)
      )
    end
  end

  @doc false
  def __auth_routes__(router, controller, resources, opts) do
    controller = Phoenix.Router.scoped_alias(router, controller)

    for resource <- resources, phase <- [:register, :sign_in] do
      path =
        Path.join([
          opts[:path] || "/auth",
          Macro.underscore(List.last(Module.split(resource))),
          "password",
          to_string(phase)
        ])

      Phoenix.Router.__add__(
        router,
        :post,
        path,
        AshAuthentication.Phoenix.Dispatcher,
        {controller, resource, :password, phase},
        alias: false
      )
    end
  end

  defmacro sign_out_route(controller, path \\ "/sign-out", _opts \\ []) do
    quote do
      Phoenix.Router.get(unquote(path), unquote(controller), :sign_out)
      Phoenix.Router.delete(unquote(path), unquote(controller), :sign_out)
    end
  end

  defmacro sign_in_route(opts \\ []) do
    hooks = [AshAuthentication.Phoenix.LiveSession | List.wrap(opts[:on_mount])]
    hooks = Macro.prewalk(hooks, &Plug.Builder.runtime_alias(&1, __CALLER__))

    quote do
      AshAuthentication.Phoenix.Router.__sign_in__(
        __MODULE__,
        unquote(hooks),
        unquote(Keyword.take(opts, [:path, :register_path, :reset_path, :auth_routes_prefix]))
      )
    end
  end

  defmacro reset_route(_opts \\ []), do: nil
  defmacro magic_sign_in_route(_resource, _strategy, _opts \\ []), do: nil

  @doc false
  def __sign_in__(router, hooks, opts) do
    pages = [sign_in: opts[:path] || "/sign-in", register: opts[:register_path]]
    prefix = opts[:auth_routes_prefix] || "/auth"

    for {action, path} when path != nil <- pages do
      session = %{
        "auth_routes_prefix" => prefix,
        "sign_in_path" => opts[:path] || "/sign-in",
        "register_path" => opts[:register_path]
      }

      extra = %{on_mount: hooks, session: session, opts: [], path: Phoenix.Router.scoped_path(router, path)}

      Phoenix.Router.__add__(
        router,
        :get,
        path,
        Phoenix.LiveView.Plug,
        {AshAuthentication.Phoenix.SignInLive, action, extra},
        alias: false
      )
    end
  end
end

defmodule AshAuthentication.Phoenix.SignInLive do
  @moduledoc "Rehearsal stand-in: the pages to register and to sign in."
  use Phoenix.LiveView

  @impl true
  def mount(_params, session, socket) do
    {:ok,
     assign(socket,
       prefix: session["auth_routes_prefix"],
       register_path: session["register_path"],
       sign_in_path: session["sign_in_path"],
       resources: AshAuthentication.authenticated_resources(socket.endpoint.config(:otp_app))
     )}
  end

  @impl true
  def handle_params(_params, _url, socket), do: {:noreply, socket}

  @impl true
  def render(assigns) do
    ~H"""
    <div class="grid h-screen place-items-center">
      <p :for={{kind, text} <- @flash} role="alert" class={kind}>{text}</p>
      <.password :for={resource <- @resources} resource={resource} action={@live_action} prefix={@prefix} />
      <.link :if={@live_action == :sign_in and @register_path} navigate={@register_path}>Need an account?</.link>
      <.link :if={@live_action == :register} navigate={@sign_in_path}>Already have an account?</.link>
    </div>
    """
  end

  attr(:resource, :atom)
  attr(:action, :atom)
  attr(:prefix, :string)

  defp password(assigns) do
    subject = AshAuthentication.Info.subject_name(assigns.resource)
    strategy = AshAuthentication.Info.strategy!(assigns.resource, :password)
    assigns = assign(assigns, subject: subject, identity: to_string(strategy.identity_field))

    ~H"""
    <.form for={%{}} as={@subject} method="post" action={"#{@prefix}/#{@subject}/password/#{@action}"} id={"#{@subject}-password-#{@action}"}>
      <h2>{if @action == :register, do: "Register", else: "Sign in"}</h2>
      <label>{String.capitalize(@identity)} <input type="text" name={"#{@subject}[#{@identity}]"} required /></label>
      <label>Password <input type="password" name={"#{@subject}[password]"} required /></label>
      <label :if={@action == :register}>
        Password confirmation <input type="password" name={"#{@subject}[password_confirmation]"} required />
      </label>
      <button type="submit">{if @action == :register, do: "Register", else: "Sign in"}</button>
    </.form>
    """
  end
end
