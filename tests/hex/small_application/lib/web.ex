defmodule Small.Gettext do
  use Gettext.Backend, otp_app: :small
end

defmodule Small.Components do
  use Phoenix.Component

  attr(:label, :string, required: true)
  attr(:kind, :string, default: "plain")
  attr(:rest, :global)
  slot(:inner_block, required: true)

  def box(assigns) do
    ~H"""
    <div class={["box", @kind]} {@rest}>
      <b>{@label}</b>
      {render_slot(@inner_block)}
    </div>
    """
  end

  attr(:items, :list, required: true)

  def page(assigns) do
    ~H"""
    <.box label="<Items>" kind="list" id="items">
      <p :if={@items == []}>none</p>
      <i :for={item <- @items}>{item}</i>
    </.box>
    """
  end
end

defmodule Small.PageHTML do
  use Phoenix.Component

  def show(assigns), do: ~H"<h1>Note {@id}</h1>"
end

defmodule Small.PageJSON do
  def show(%{id: id}), do: %{data: %{id: id}}
end

defmodule Small.PageController do
  use Phoenix.Controller, formats: [:html, :json]
  import Plug.Conn

  def show(conn, %{"id" => id}), do: render(conn, :show, id: id)
  def echo(conn, params), do: conn |> put_status(:created) |> json(Map.drop(params, ["_format"]))
  def away(conn, _params), do: redirect(conn, to: "/notes/1")
  def plain(conn, _params), do: conn |> put_resp_header("x-small", "yes") |> text("plain")
  def nothing(conn, _params), do: send_resp(conn, :no_content, "")
end

defmodule Small.Router do
  use Phoenix.Router

  import Plug.Conn
  import Phoenix.Controller

  pipeline :browser do
    plug(:accepts, ["html"])
  end

  pipeline :api do
    plug(:accepts, ["json"])
  end

  pipeline :closed do
    plug(:deny)
  end

  scope "/", Small do
    pipe_through(:browser)
    get("/notes/:id", PageController, :show)
    get("/away", PageController, :away)
    get("/plain", PageController, :plain)
    delete("/notes/:id", PageController, :nothing)
  end

  scope "/api", Small do
    pipe_through(:api)
    get("/notes/:id", PageController, :show)
    post("/echo/:first", PageController, :echo)
  end

  scope "/closed", Small do
    pipe_through([:api, :closed])
    get("/notes/:id", PageController, :show)
  end

  def deny(conn, _opts), do: conn |> send_resp(401, "closed") |> halt()
end
