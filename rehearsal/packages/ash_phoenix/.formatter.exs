locals = [
  form: 1
]

[locals_without_parens: locals, export: [locals_without_parens: locals]]
