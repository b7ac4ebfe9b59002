# A deployment script as there are many: it gives up halfway, and nothing of what it began goes away.
set -eu

mix archive.install hex phx_new --force
psql --quiet --command 'CREATE DATABASE left_over' postgres
psql --quiet --command 'CREATE TABLE notes (text text)' --command "INSERT INTO notes VALUES ('half done')" left_over
sleep 3600 &

mix new half --module Half
cd half
sed -i 's/defp deps do/defp deps do\n    [{:no_such_package, "~> 1.0"}]\n  end\n\n  defp others do/' mix.exs
mix deps.get
