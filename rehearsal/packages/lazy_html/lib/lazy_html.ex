defmodule LazyHTML do
  @moduledoc "Rehearsal stand-in: HTML as text."

  defstruct [:html]

  def from_document(html), do: %__MODULE__{html: html}
  def from_fragment(html), do: %__MODULE__{html: html}
  def text(%__MODULE__{html: html}), do: Regex.replace(~r/<[^>]*>/, html, "")
end
