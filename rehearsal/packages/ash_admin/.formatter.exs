locals = [
  ash_admin: 1,
  ash_admin: 2,
  show?: 1
]

[locals_without_parens: locals, export: [locals_without_parens: locals]]
