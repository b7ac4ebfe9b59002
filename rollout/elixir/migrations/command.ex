defmodule Migrations.CLI do
  @moduledoc """
  Reads Ecto migrations by Elixir's parser. Nothing of a migration is run.

      OUTPUT PATH…    each PATH is a migration or a folder of them; OUTPUT is a file, or `-` for standard output

  Writes one JSON object a line: for each migration {"kind": "migration", …}, then one for each of its operations.
  rollout/migrations/operations.py has the keys. What only running the code could tell is named in "undecided".
  As in Ecto, the version is the number that the file's name begins with; other files are left out.
  """

  alias Migrations.{Json, Source}

  def main([output | paths]) do
    lines = for {version, file} <- files(paths), fact <- Source.facts(version, file), do: [Json.encode(fact), ?\n]
    if output == "-", do: IO.binwrite(lines), else: File.write!(output, lines)
  end

  defp files(paths) do
    for path <- paths,
        file <- if(File.dir?(path), do: Path.wildcard(Path.join(path, "**/*.exs")), else: [path]),
        {version, "_" <> _} <- [Integer.parse(Path.basename(file))],
        uniq: true do
      {version, file}
    end
    |> Enum.sort()
  end
end
