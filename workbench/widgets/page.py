"""What only the page knows: whether its theme is dark, how wide the panel is, and the clipboard."""

from pathlib import Path

import anywidget
import traitlets

CSS = (Path(__file__).parent / "panel.css").read_text(encoding="utf-8")

# JupyterLab says its theme in the body's data; elsewhere the luminance of the ground tells.
# A figure redraws on the window's resize event only: a tab or side bar that changes its width sends none.
_PAGE = """
function isDark() {
  const said = document.body.dataset.jpThemeLight;
  if (said !== undefined) return said === "false";
  const ground = getComputedStyle(document.body).backgroundColor.match(/[\\d.]+/g) || [255, 255, 255];
  const [r, g, b, a] = ground.map(Number);
  return a !== 0 && 0.2126 * r + 0.7152 * g + 0.0722 * b < 128;
}
function initialize({ model }) {
  const tell = () => { model.set("dark", isDark()); model.save_changes(); };
  const watcher = new MutationObserver(tell);
  watcher.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light", "class"] });
  tell();
  return () => watcher.disconnect();
}
function render({ model, el }) {
  el.style.display = "none";
  let width = 0, waiting = null;
  const sized = new ResizeObserver(() => {
    const now = panel ? panel.clientWidth : 0;
    if (now === width) return;
    width = now;
    clearTimeout(waiting);
    waiting = setTimeout(() => window.dispatchEvent(new Event("resize")), 60);
  });
  const nudged = () => [60, 400, 1500].forEach(
    (later) => setTimeout(() => window.dispatchEvent(new Event("resize")), later));
  model.on("change:nudge", nudged);
  const clicked = (event) => {
    if (event.target.closest && event.target.closest(".lm-TabBar-tab"))
      setTimeout(() => window.dispatchEvent(new Event("resize")), 60);
  };
  let panel = null;
  const found = setTimeout(() => {
    panel = el.closest(".wb-panel");
    if (panel) { sized.observe(panel); panel.addEventListener("click", clicked); }
  }, 0);
  return () => {
    clearTimeout(found); clearTimeout(waiting); sized.disconnect(); model.off("change:nudge", nudged);
    if (panel) panel.removeEventListener("click", clicked);
  };
}
export default { initialize, render };
"""

_CODE = """
function render({ model, el }) {
  const button = document.createElement("button");
  button.className = "jupyter-widgets jupyter-button wb-button wb-copy";
  const pre = document.createElement("pre");
  pre.className = "wb-code";
  pre.tabIndex = 0;
  const show = () => { pre.textContent = model.get("code"); button.textContent = model.get("copy"); };
  button.onclick = async () => {
    const range = document.createRange();
    range.selectNodeContents(pre);
    const selection = getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
    try { await navigator.clipboard.writeText(model.get("code")); button.textContent = model.get("copied"); }
    catch (refused) { button.textContent = model.get("by_hand"); }
    setTimeout(() => { button.textContent = model.get("copy"); }, 2000);
  };
  model.on("change:code", show);
  show();
  el.append(button, pre);
  return () => model.off("change:code", show);
}
export default { render };
"""


class Page(anywidget.AnyWidget):  # type: ignore[misc]  # anywidget carries no types
    """Invisible. Injects the style sheet once; `dark` follows the page's theme; a higher `nudge` fits figures anew."""

    _esm = _PAGE
    _css = CSS
    dark = traitlets.Bool(False).tag(sync=True)
    nudge = traitlets.Int(0).tag(sync=True)


class Code(anywidget.AnyWidget):  # type: ignore[misc]  # anywidget carries no types
    """Text in a fixed-width box with a button that copies it. The browser never reads it as HTML."""

    _esm = _CODE
    code = traitlets.Unicode("").tag(sync=True)
    copy = traitlets.Unicode("Copy").tag(sync=True)
    copied = traitlets.Unicode("Copied").tag(sync=True)
    by_hand = traitlets.Unicode("Ctrl+C copies").tag(sync=True)
