# People for the checks: an operator, a viewer, an agent's account with their API keys. One line of JSON; nobody prints it.
# The arguments are the file to write it to, and the name by which all of them go away again.
Logger.configure(level: :warning)
[file, domain] = System.argv()

alias Xavos.Accounts.User

password = fn -> 24 |> :crypto.strong_rand_bytes() |> Base.url_encode64(padding: false) end

user = fn role ->
  secret = password.()
  fields = %{email: "#{role}@#{domain}", role: role, hashed_password: Bcrypt.hash_pwd_salt(secret)}

  # Where an address has to be confirmed, theirs is.
  fields =
    if Ash.Resource.Info.attribute(User, :confirmed_at),
      do: Map.put(fields, :confirmed_at, DateTime.utc_now()),
      else: fields

  {Ash.Seed.seed!(User, fields), secret}
end

key = fn user, name ->
  made = Xavos.Accounts.issue_api_key!(%{user_id: user.id, name: name, days: 1}, authorize?: false)
  %{id: made.id, key: made.__metadata__.plaintext_api_key}
end

people =
  for role <- [:operator, :viewer, :agent], into: %{} do
    {made, secret} = user.(role)

    {role,
     %{
       id: made.id,
       email: to_string(made.email),
       password: secret,
       key: key.(made, "check"),
       spare: key.(made, "spare")
     }}
  end

# For its owner alone, before there is anything in it.
File.touch!(file)
File.chmod!(file, 0o600)
File.write!(file, Jason.encode!(people))
