defmodule Xavos.Settings.Accounts do
  @moduledoc """
  Who gets in and how often they may try, and how production sends mail.

  Mail is off in production until `XAVOS_MAIL` names a service: then nobody can sign in by a magic link, and each mail that
  was not sent is a warning in the log. Development keeps mails for /dev/mailbox.
  """
  @behaviour Xavos.Settings

  import Xavos.Settings.Variable, only: [new: 4, new: 5]

  @services %{
    "off" => Xavos.MailOff,
    "mailgun" => Swoosh.Adapters.Mailgun,
    "postmark" => Swoosh.Adapters.Postmark,
    "sendgrid" => Swoosh.Adapters.Sendgrid
  }

  @impl true
  def variables(:prod), do: limits() ++ mail()
  def variables(_environment), do: limits()

  defp limits do
    [
      new(
        :per_address,
        "XAVOS_SIGN_IN_PER_ADDRESS",
        {:integer_from, 1},
        "tries a minute to sign in as somebody, for each instance",
        default: 10
      ),
      new(
        :per_client,
        "XAVOS_SIGN_IN_PER_CLIENT",
        {:integer_from, 1},
        "tries a minute from one machine, for each instance",
        default: 60
      ),
      new(:mail_from, "XAVOS_MAIL_FROM", :text, "who mails come from", default: "xavos@localhost")
    ]
  end

  defp mail do
    [
      new(
        :mail,
        "XAVOS_MAIL",
        {:one_of, Enum.sort(Map.keys(@services))},
        "the service that sends mails",
        default: "off"
      ),
      new(:mail_key, "XAVOS_MAIL_KEY", {:secret, 1}, "the key of that service"),
      new(:mail_domain, "XAVOS_MAIL_DOMAIN", :host, "the domain at Mailgun")
    ]
  end

  @impl true
  def check(%{mail: "off"}), do: []

  def check(%{mail: service, mail_key: nil}),
    do: ["environment variable XAVOS_MAIL_KEY is missing: XAVOS_MAIL=#{service} needs it."]

  def check(%{mail: "mailgun", mail_domain: nil}),
    do: ["environment variable XAVOS_MAIL_DOMAIN is missing: XAVOS_MAIL=mailgun needs it."]

  def check(_values), do: []

  @impl true
  def config(values) do
    [
      xavos:
        [
          {Xavos.RateLimit, per_address: values.per_address, per_client: values.per_client},
          {:mail_from, values.mail_from}
        ] ++ mailer(values)
    ]
  end

  defp mailer(%{mail: service} = values) do
    [
      {Xavos.Mailer,
       adapter: Map.fetch!(@services, service),
       api_key: values.mail_key,
       domain: values.mail_domain}
    ]
  end

  defp mailer(_development), do: []
end
