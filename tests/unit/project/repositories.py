"""Small repositories of the shapes that Phoenix applications have, as `phx.new` and its users write them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

MIX = """defmodule Shop.MixProject do
  use Mix.Project

  def project do
    [
      # app: :not_this_one,
      app: :shop,
      version: "0.1.0",
      elixir: "~> 1.15",
      aliases: aliases(),
      deps: deps()
    ]
  end

  def application do
    [mod: {Shop.Application, []}, extra_applications: [:logger]]
  end

  defp deps do
    [
      {:phoenix, "~> 1.7"},
      {:phoenix_live_view, "~> 1.0"},
      {:ecto_sql, "~> 3.10"},
      {:postgrex, ">= 0.0.0"},
      # {:oban, "~> 2.0"},
      {:esbuild, "~> 0.8", runtime: Mix.env() == :dev}
    ]
  end

  defp aliases do
    [
      "assets.setup": ["esbuild.install --if-missing"],
      "assets.build": ["esbuild shop"],
      "assets.deploy": ["esbuild shop --minify", "phx.digest"],
      test: ["ecto.create --quiet", "ecto.migrate --quiet", "test"]
    ]
  end
end
"""
CONFIG = """import Config

config :shop, ecto_repos: [Shop.Repo]
# config :shop, ecto_repos: [Shop.OtherRepo]

import_config "#{config_env()}.exs"
"""
DEV = """import Config

config :shop, Shop.Repo,
  username: "shop",
  password: "secret",
  hostname: "db.local",
  database: "shop_dev",
  port: 5433

config :shop, ShopWeb.Endpoint,
  http: [ip: {127, 0, 0, 1}, port: 4010],
  secret_key_base: "x"
"""
RUNTIME = """import Config

if System.get_env("PHX_SERVER") do
  config :shop, ShopWeb.Endpoint, server: true
end

if config_env() == :prod do
  database_url =
    System.get_env("DATABASE_URL") ||
      raise \"\"\"
      environment variable DATABASE_URL is missing.
      For example: System.fetch_env!("NOT_THIS_ONE")
      \"\"\"

  config :shop, Shop.Repo, url: database_url, pool_size: String.to_integer(System.get_env("POOL_SIZE") || "10")

  secret_key_base = System.get_env("SECRET_KEY_BASE") || raise "SECRET_KEY_BASE is missing"
  host = System.get_env("PHX_HOST") || "example.com"
  port = String.to_integer(System.get_env("PORT") || "4000")

  config :shop, ShopWeb.Endpoint,
    url: [host: host, port: 443, scheme: "https"],
    http: [ip: {0, 0, 0, 0, 0, 0, 0, 0}, port: port],
    secret_key_base: secret_key_base
end
"""
ENDPOINT = """defmodule ShopWeb.Endpoint do
  use Phoenix.Endpoint, otp_app: :shop
  plug ShopWeb.Router
end
"""
ROUTER = """defmodule ShopWeb.Router do
  use ShopWeb, :router

  pipeline :browser do
    plug :accepts, ["html"]
  end

  scope "/", ShopWeb do
    pipe_through :browser
    get "/", PageController, :home
    get "/items/:id", ItemController, :show
    live "/about", AboutLive
  end

  scope "/admin", ShopWeb do
    pipe_through [:browser, :require_authenticated_user]
    get "/stock", StockController, :index
  end

  if Application.compile_env(:shop, :dev_routes) do
    scope "/dev" do
      get "/mailbox", MailboxController, :index
    end
  end
end
"""
REPO = """defmodule Shop.Repo do
  use Ecto.Repo, otp_app: :shop, adapter: Ecto.Adapters.Postgres
end
"""
PLAIN: Mapping[str, str] = {
    "mix.exs": MIX,
    "config/config.exs": CONFIG,
    "config/dev.exs": DEV,
    "config/test.exs": "import Config\n",
    "config/prod.exs": "import Config\n",
    "config/runtime.exs": RUNTIME,
    "lib/shop/repo.ex": REPO,
    "lib/shop_web/endpoint.ex": ENDPOINT,
    "lib/shop_web/router.ex": ROUTER,
}
"""What `mix phx.new shop` writes, in short."""


def repository(folder: Path, *, prefix: str = "", newline: str = "\n", **changed: str | None) -> Path:
    """The plain repository in a folder, with files replaced (`mix_exs="…"` for mix.exs) or left out (None).

    A name has `__` for a slash and its last `_` for the dot; `files` are given by `write`.
    """
    names = {_path(name): content for name, content in changed.items()}
    files = {**PLAIN, **{name: content for name, content in names.items() if content is not None}}
    for name in names.keys() - {name for name, content in names.items() if content is not None}:
        files.pop(name, None)
    return write(folder, {f"{prefix}{name}": content for name, content in files.items()}, newline=newline)


def write(folder: Path, files: Mapping[str, str], *, newline: str = "\n") -> Path:
    """Write files below a folder, and return it."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content.replace("\n", newline).encode())
    return folder


def umbrella(folder: Path) -> Path:
    """An umbrella of an application with the database, one with the web and one for the office."""
    web = MIX.replace(":shop", ":shop_web").replace("Shop.", "ShopWeb.")
    return write(folder, {
        "mix.exs": 'defmodule Shop.MixProject do\n  use Mix.Project\n  def project, do: [apps_path: "apps", '
                   "releases: [all: [applications: [shop_web: :permanent]]], deps: []]\nend\n",
        "config/config.exs": CONFIG, "config/dev.exs": DEV.replace(":shop, ShopWeb", ":shop_web, ShopWeb"),
        "config/runtime.exs": RUNTIME,
        "apps/shop/mix.exs": MIX.replace('{:phoenix, "~> 1.7"},', "").replace('{:phoenix_live_view, "~> 1.0"},', ""),
        "apps/shop/lib/shop/repo.ex": REPO,
        "apps/shop_web/mix.exs": web,
        "apps/shop_web/lib/shop_web/endpoint.ex": ENDPOINT.replace(":shop", ":shop_web"),
        "apps/shop_web/lib/shop_web/router.ex": ROUTER,
        "apps/shop_web/assets/package.json": '{"dependencies": {"alpinejs": "3"}}',
        "apps/office/mix.exs": web.replace("shop_web", "office"),
        "apps/office/lib/endpoint.ex": ENDPOINT.replace("ShopWeb", "Office").replace(":shop", ":office"),
        "apps/notes.txt": "no application",
    })  # fmt: skip


def _path(name: str) -> str:
    stem, _, ending = name.replace("__", "/").rpartition("_")
    return f"{stem}.{ending}"
