# Runs every case below a folder with the editor, twice, all in one VM:  elixir run_cases.exs WORK EDITOR
# A case is a folder with `root` (its files) and `argv` (one argument to a line). Beside them it leaves, for `first` and
# `second`: a folder with the files, NAME.exit, NAME.out, NAME.err. A case that fails is not run again.
[work, editor] = System.argv()
{:ok, _, _} = editor |> Path.join("*.ex") |> Path.wildcard() |> Kernel.ParallelCompiler.require(return_diagnostics: true)

for argv <- Path.wildcard(Path.join(work, "*/argv")) do
  folder = Path.dirname(argv)
  arguments = argv |> File.read!() |> String.split("\n", trim: true)

  Enum.reduce_while(["first", "second"], nil, fn turn, _ ->
    {:ok, out} = StringIO.open("")
    leader = Process.group_leader()
    Process.group_leader(self(), out)
    result = File.cd!(Path.join(folder, "root"), fn -> Edit.CLI.run(arguments) end)
    Process.group_leader(self(), leader)
    {_, printed} = StringIO.contents(out)
    {exit, line} = if result == :ok, do: {0, ""}, else: {3, elem(result, 1)}
    at = Path.join(folder, turn)
    File.cp_r!(Path.join(folder, "root"), at)
    File.write!(at <> ".out", printed)
    File.write!(at <> ".err", line)
    File.write!(at <> ".exit", "#{exit}")
    if exit == 0, do: {:cont, nil}, else: {:halt, nil}
  end)
end
