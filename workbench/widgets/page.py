"""What only the page knows: whether its theme is dark, how wide the panel is, and the clipboard."""

from pathlib import Path

import anywidget
import traitlets

CSS = (Path(__file__).parent / "panel.css").read_text(encoding="utf-8")

# JupyterLab says its theme in the body's data; elsewhere the luminance of the ground tells.
# A figure fits itself on the window's resize event only. None is sent when a side bar changes its width, when a tab
# comes to the front, or when a figure gets its place that was drawn outside the page (700 px wide) or in a hidden tab
# (100 px: empty).
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
function render({ el }) {
  el.style.display = "none";
  const widths = new WeakMap();
  let waiting = null, looking = null;
  const fit = () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => window.dispatchEvent(new Event("resize")), 60);
  };
  const sized = new ResizeObserver((entries) => entries.forEach(({ target }) => {
    if (target.clientWidth !== widths.get(target)) fit();
    widths.set(target, target.clientWidth);
  }));
  const added = new MutationObserver((changes) => changes.forEach(({ addedNodes }) => addedNodes.forEach((node) => {
    if (node.nodeType === Node.ELEMENT_NODE) watch(node);
  })));
  // by plotly's class: ours is set a moment after a widget got its place
  const watch = (node) => {
    const drawn = node.matches(".plot-container") ? [node] : node.querySelectorAll(".plot-container");
    drawn.forEach((each) => sized.observe(each.closest(".js-plotly-plot")));
  };
  // boxes that could scroll would keep the panel's last line from standing at the lower edge of the window
  const unscroll = (panel) => {
    for (let box = panel.parentElement; box && !box.matches(".jp-Cell"); box = box.parentElement) {
      if (getComputedStyle(box).overflow !== "visible") box.style.overflow = "clip";
    }
  };
  const look = () => {
    const panel = el.closest(".wb-panel");
    if (!panel) { looking = setTimeout(look, 50); return; }
    sized.observe(panel);
    watch(panel);
    unscroll(panel);
    added.observe(panel, { childList: true, subtree: true });
  };
  looking = setTimeout(look, 0);
  return () => { clearTimeout(looking); clearTimeout(waiting); sized.disconnect(); added.disconnect(); };
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
    """Invisible. Injects the style sheet once; `dark` follows the page's theme; keeps figures as wide as their room."""

    _esm = _PAGE
    _css = CSS
    dark = traitlets.Bool(False).tag(sync=True)


class Code(anywidget.AnyWidget):  # type: ignore[misc]  # anywidget carries no types
    """Text in a fixed-width box with a button that copies it. The browser never reads it as HTML."""

    _esm = _CODE
    code = traitlets.Unicode("").tag(sync=True)
    copy = traitlets.Unicode("Copy").tag(sync=True)
    copied = traitlets.Unicode("Copied").tag(sync=True)
    by_hand = traitlets.Unicode("Ctrl+C copies").tag(sync=True)
