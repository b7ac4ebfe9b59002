# Signs the tarballs of ./public/tarballs as a Hex repository named hexpm. Run in its parent folder:
#
#     elixir registry.exs
#
# Mix builds the registry; what `mix hex.registry build` cannot say (that a release is retired) is added after it.
# retired.txt has a line "NAME VERSION REASON MESSAGE" for each such release.

Mix.start()
Mix.shell(Mix.Shell.Quiet)
Mix.Tasks.Hex.Registry.run(["build", "public", "--name=hexpm", "--private-key=private_key.pem"])

reasons = %{
  "other" => :RETIRED_OTHER,
  "invalid" => :RETIRED_INVALID,
  "security" => :RETIRED_SECURITY,
  "deprecated" => :RETIRED_DEPRECATED,
  "renamed" => :RETIRED_RENAMED
}

key = File.read!("private_key.pem")

for line <- File.stream!("retired.txt") do
  [name, version, reason, message] = line |> String.trim() |> String.split(" ", parts: 4)
  path = Path.join("public/packages", name)
  %{payload: payload} = path |> File.read!() |> :zlib.gunzip() |> :mix_hex_registry.decode_signed()

  # Older versions of Hex give the releases alone, newer ones a map around them.
  releases =
    case :mix_hex_registry.decode_package(payload, :no_verify, :no_verify) do
      {:ok, %{releases: releases}} -> releases
      {:ok, releases} -> releases
    end

  releases =
    for release <- releases do
      if release.version == version,
        do: Map.put(release, :retired, %{reason: reasons[reason], message: message}),
        else: release
    end

  package = %{repository: "hexpm", name: name, releases: releases}
  File.write!(path, :mix_hex_registry.build_package(package, key))
end
