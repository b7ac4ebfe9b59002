defmodule Xavos.LogTranslatorTest do
  # Translators are those of all of this VM.
  use ExUnit.Case, async: false

  import ExUnit.CaptureLog

  @secret "s3cret-canary"

  defmodule Form do
    @moduledoc "A process with a secret in its state and in its message, as a live page has them."
    use GenServer

    @impl true
    def init(secret), do: {:ok, %{session: secret}}

    @impl true
    def handle_info({:submit, password}, _state), do: only_numbers(password)

    defp only_numbers(password) when is_integer(password), do: password
  end

  setup do
    :ok = Logger.add_translator({Xavos.LogTranslator, :translate})
    on_exit(fn -> Logger.remove_translator({Xavos.LogTranslator, :translate}) end)
  end

  test "a process that crashes tells neither its message nor its state" do
    log =
      capture_log(fn ->
        {:ok, pid} = GenServer.start(Form, @secret)
        reference = Process.monitor(pid)
        send(pid, {:submit, @secret})
        assert_receive {:DOWN, ^reference, :process, ^pid, _reason}, 5_000
      end)

    assert log =~ "terminating"
    assert log =~ "only_numbers/1"
    refute log =~ @secret
  end

  test "nor does a task tell its arguments" do
    supervisor = start_supervised!(Task.Supervisor)

    log =
      capture_log(fn ->
        task = Task.Supervisor.async_nolink(supervisor, __MODULE__, :fail, [@secret])
        assert {:exit, _reason} = Task.yield(task, 5_000)
      end)

    assert log =~ "terminating"
    refute log =~ @secret
  end

  def fail(password), do: raise("failed with #{byte_size(password)} bytes")
end
