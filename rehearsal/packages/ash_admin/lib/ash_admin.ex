defmodule AshAdmin.Domain do
  @moduledoc "Rehearsal stand-in: marks a domain for the admin page."
end

defmodule AshAdmin.Resource do
  @moduledoc false

  defmodule Sections do
    @moduledoc false
    require Spark.Dsl
    Spark.Dsl.defsections([:admin])
  end
end

defmodule AshAdmin.Router do
  @moduledoc "Rehearsal stand-in: one page that lists the resources."

  defmacro ash_admin(path, _opts \\ []) do
    quote do
      extra = %{
        on_mount: [],
        session: %{},
        opts: [],
        path: Phoenix.Router.scoped_path(__MODULE__, unquote(path)),
        root_layout: {AshAdmin.PageLive, :root}
      }

      Phoenix.Router.__add__(__MODULE__, :get, unquote(path), Phoenix.LiveView.Plug, {AshAdmin.PageLive, :page, extra},
        alias: false
      )
    end
  end
end

defmodule AshAdmin.PageLive do
  @moduledoc false
  use Phoenix.LiveView

  def root(assigns) do
    ~H"""
    <!DOCTYPE html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="csrf-token" content={Plug.CSRFProtection.get_csrf_token()} />
        <title>Ash Admin</title>
      </head>
      <body>
        {@inner_content}
      </body>
    </html>
    """
  end

  @impl true
  def mount(_params, _session, socket) do
    app = socket.endpoint.config(:otp_app)
    {:ok, assign(socket, domains: Enum.filter(Ash.Info.domains(app), &shown?/1))}
  end

  @impl true
  def render(assigns) do
    ~H"""
    <h1>Ash Admin</h1>
    <section :for={domain <- @domains}>
      <h2>{inspect(domain)}</h2>
      <ul>
        <li :for={resource <- Ash.Domain.resource_list(domain)}>{inspect(resource)}</li>
      </ul>
    </section>
    """
  end

  defp shown?(domain), do: domain |> Spark.Dsl.section_of(:admin) |> Spark.Dsl.option(:show?, false)
end
