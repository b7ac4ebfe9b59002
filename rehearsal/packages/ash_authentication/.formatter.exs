locals = [
  enabled?: 1,
  hash_provider: 1,
  identity_field: 1,
  password: 1,
  password: 2,
  require_token_presence_for_authentication?: 1,
  signing_secret: 1,
  store_all_tokens?: 1,
  token_resource: 1
]

[locals_without_parens: locals, export: [locals_without_parens: locals]]
