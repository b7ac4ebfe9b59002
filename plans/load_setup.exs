# Makes an operator with an API key for the load, in the production database. Evaluated by release A.
Logger.configure(level: :warning)
{:ok, _} = Application.ensure_all_started(:xavos)

name = 8 |> :crypto.strong_rand_bytes() |> Base.encode16(case: :lower)
secret = 24 |> :crypto.strong_rand_bytes() |> Base.url_encode64(padding: false)

user =
  Ash.Seed.seed!(Xavos.Accounts.User, %{
    email: "load-#{name}@example.org",
    role: :operator,
    hashed_password: Bcrypt.hash_pwd_salt(secret),
    confirmed_at: DateTime.utc_now()
  })

key = Xavos.Accounts.issue_api_key!(%{user_id: user.id, name: "load", days: 1}, authorize?: false)
IO.puts("ROLLOUT " <> Jason.encode!(%{api_key: key.__metadata__.plaintext_api_key}))
