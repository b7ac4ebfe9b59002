defmodule Small.MixProject do
  use Mix.Project

  def project, do: [app: :small, version: "0.1.0", elixir: "~> 1.17", deps: deps()]
  def application, do: [extra_applications: [:logger, :crypto]]

  defp deps do
    [
      {:jason, "~> 1.4"},
      {:decimal, "~> 3.0"},
      {:plug, "~> 1.14"},
      {:phoenix, "~> 1.8"},
      {:phoenix_html, "~> 4.0"},
      {:phoenix_live_view, "~> 1.1"},
      {:ecto, "~> 3.13"},
      {:gettext, "~> 1.0"},
      {:ash, "~> 3.0"}
    ]
  end
end
