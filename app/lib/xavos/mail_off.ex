defmodule Xavos.MailOff do
  @moduledoc "The mail service of a production server that has none: it sends nothing, and says so in the log."
  use Swoosh.Adapter

  require Logger

  @impl true
  def deliver(email, _config) do
    Logger.warning(
      "A mail was not sent, because XAVOS_MAIL names no service: #{inspect(email.subject)}"
    )

    {:error, :mail_is_off}
  end
end
