defmodule XavosWeb.AuthOverrides do
  @moduledoc "How the pages to sign in and to register look: nothing of them comes from another server."
  use AshAuthentication.Phoenix.Overrides

  override AshAuthentication.Phoenix.Components.Banner do
    set :image_url, nil
    set :dark_image_url, nil
    set :text, "XAVOS"
    set :text_class, "text-3xl font-bold"
  end
end
