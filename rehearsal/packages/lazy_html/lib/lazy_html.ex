defmodule LazyHTML do
  @moduledoc "Rehearsal stand-in: HTML kept as text."

  defstruct [:html]

  def from_document(html), do: %__MODULE__{html: html}
  def from_fragment(html), do: %__MODULE__{html: html}
  def to_html(%__MODULE__{html: html}), do: html
  def text(%__MODULE__{html: html}), do: Regex.replace(~r/<[^>]*>/, html, "")
end
