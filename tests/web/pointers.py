"""Real pointer events of pens and fingers, by the browser's debugging protocol."""

from __future__ import annotations

from playwright.sync_api import CDPSession, Page

Point = tuple[float, float]


class Pointers:
    """A pen and fingers on a pane, which are placed by the pixels of its image."""

    def __init__(self, page: Page, pane: str = "prediction") -> None:
        self._devtools: CDPSession = page.context.new_cdp_session(page)
        canvas = page.locator(f"[data-pane={pane}] canvas")
        canvas.scroll_into_view_if_needed()
        self._canvas = canvas

    def at(self, x: float, y: float) -> Point:
        """Where an image pixel is on the screen."""
        place = """(canvas, [x, y]) => {
          const box = canvas.getBoundingClientRect();
          const { scale, left, top } = JSON.parse(canvas.dataset.placement);
          const density = devicePixelRatio;
          return [box.left + (left + (x + 0.5) * scale) / density,
                  box.top + (top + (y + 0.5) * scale) / density];
        }"""
        found = self._canvas.evaluate(place, [x, y])
        return float(found[0]), float(found[1])

    def pen(self, kind: str, pixel: Point) -> None:
        """`kind`: mousePressed, mouseMoved, mouseReleased, or `hover` above the canvas."""
        x, y = self.at(*pixel)
        is_hover = kind == "hover"
        self._devtools.send(
            "Input.dispatchMouseEvent",
            {
                "type": "mouseMoved" if is_hover else kind,
                "x": x,
                "y": y,
                "button": "none" if is_hover else "left",
                "buttons": 0 if is_hover or kind == "mouseReleased" else 1,
                "clickCount": 1,
                "force": 0 if is_hover else 0.4,
                "pointerType": "pen",
            },
        )

    def touch(self, kind: str, *pixels: Point) -> None:
        """`kind`: touchStart, touchMove, touchEnd or touchCancel; `pixels`: the fingers down."""
        points = [
            {"x": x, "y": y, "id": n}
            for n, (x, y) in enumerate(self.at(*pixel) for pixel in pixels)
        ]
        self._devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
