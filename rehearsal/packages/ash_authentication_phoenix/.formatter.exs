locals = [
  override: 2,
  set: 2,
  ash_authentication_live_session: 1,
  ash_authentication_live_session: 2,
  ash_authentication_live_session: 3,
  auth_routes: 2,
  auth_routes: 3,
  sign_in_route: 1,
  sign_out_route: 1,
  sign_out_route: 2
]

[locals_without_parens: locals, export: [locals_without_parens: locals]]
