defmodule XavosWeb.AuthOverrides do
  @moduledoc "The appearance of the pages for sign-in and registration. They load nothing from other servers."
  use AshAuthentication.Phoenix.Overrides

  override AshAuthentication.Phoenix.Components.Banner do
    set :image_url, nil
    set :dark_image_url, nil
    set :text, "XAVOS"
    set :text_class, "text-3xl font-bold"
  end
end
