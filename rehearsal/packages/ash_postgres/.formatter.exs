locals = [
  repo: 1,
  table: 1
]

[locals_without_parens: locals, export: [locals_without_parens: locals]]
