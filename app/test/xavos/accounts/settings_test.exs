defmodule Xavos.Accounts.SettingsTest do
  use ExUnit.Case, async: true

  import ExUnit.CaptureLog
  import Xavos.ReadSettings

  alias Xavos.Settings

  @env %{
    "DATABASE_URL" => "ecto://xavos@db/xavos",
    "SECRET_KEY_BASE" => String.duplicate("k", 64),
    "TOKEN_SIGNING_SECRET" => String.duplicate("t", 32),
    "PHX_HOST" => "xavos.example.org"
  }

  test "development reads who may try how often, and production also how it mails" do
    assert {:ok, development} = Settings.read(%{}, :dev)
    assert setting(development, Xavos.RateLimit) == [per_address: 10, per_client: 60]
    assert setting(development, Xavos.Mailer) == nil
    assert {:ok, production} = Settings.read(@env, :prod)
    assert setting(production, Xavos.Mailer)[:adapter] == Xavos.MailOff
  end

  test "limits that are no numbers are named" do
    for environment <- [:dev, :prod], value <- ["0", "many"] do
      env = Map.put(@env, "XAVOS_SIGN_IN_PER_CLIENT", value)
      assert {:error, [sentence]} = Settings.read(env, environment)
      assert sentence =~ "XAVOS_SIGN_IN_PER_CLIENT=#{value} is not a number from 1 on"
    end
  end

  test "a mail service needs its key, and Mailgun its domain" do
    env = Map.put(@env, "XAVOS_MAIL", "postmark")
    assert {:error, [sentence]} = Settings.read(env, :prod)
    assert sentence =~ "XAVOS_MAIL_KEY is missing"
    env = Map.put(env, "XAVOS_MAIL_KEY", "key-canary")
    assert {:ok, config} = Settings.read(env, :prod)
    assert setting(config, Xavos.Mailer)[:api_key] == "key-canary"
    assert {:error, [sentence]} = Settings.read(%{env | "XAVOS_MAIL" => "mailgun"}, :prod)
    assert sentence =~ "XAVOS_MAIL_DOMAIN is missing"
    refute sentence =~ "key-canary"
  end

  test "without a service a mail is a warning in the log, without its text" do
    mail = Swoosh.Email.new(subject: "Your link", text_body: "token-canary")
    log = capture_log(fn -> assert {:error, :mail_is_off} = Xavos.MailOff.deliver(mail, []) end)
    assert log =~ "Your link"
    refute log =~ "token-canary"
  end
end
