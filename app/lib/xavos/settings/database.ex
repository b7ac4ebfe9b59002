defmodule Xavos.Settings.Database do
  @moduledoc "Where the database of a production server is. In development config/site.exs says it."
  @behaviour Xavos.Settings

  import Xavos.Settings.Variable, only: [new: 5]

  @impl true
  def variables(:prod) do
    [
      new(
        :url,
        "DATABASE_URL",
        :database_url,
        "it says where the database is, as ecto://USER:PASSWORD@HOST:PORT/DATABASE",
        required: :always
      ),
      new(
        :pool_size,
        "POOL_SIZE",
        {:integer, 1..1000},
        "connections of each instance to the database",
        default: 10
      ),
      new(:ipv6?, "ECTO_IPV6", :boolean, "whether the database is reached by IPv6",
        default: false
      ),
      new(
        :tls?,
        "DATABASE_TLS",
        :boolean,
        "whether the database is reached by TLS, its certificate verified",
        default: false
      )
    ]
  end

  def variables(_environment), do: []

  @impl true
  def config(values) do
    [
      xavos: [
        {
          Xavos.Repo,
          # A burst of requests waits for a connection; by default it would be answered 500 after 50 ms.
          url: values.url,
          pool_size: values.pool_size,
          queue_target: 1_000,
          queue_interval: 2_000,
          ssl: values.tls?,
          socket_options: if(values.ipv6?, do: [:inet6], else: []),
          show_sensitive_data_on_connection_error: false
        }
      ]
    ]
  end
end
