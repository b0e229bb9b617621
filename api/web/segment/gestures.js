/** Moving about in a picture: by mouse, by wheel, by one and two fingers, by keys. */

/** @typedef {import('./pane.js').Pane} Pane */

const STEP = 40;
const ZOOM = 1.25;

/**
 * Let a pane's gestures move its viewport. The pane tells `point` (a pixel, or null) and `pick`.
 * @param {Pane} pane
 */
export function followGestures(pane) {
  const { canvas, viewport } = pane;
  /** @type {Map<number, PointerEvent>} */
  const held = new Map();

  canvas.addEventListener('pointerdown', (event) => {
    held.set(event.pointerId, event);
    canvas.setPointerCapture(event.pointerId);
    tell(pane, pane.pixelAt(event.clientX, event.clientY), false);
  });
  for (const end of ['pointerup', 'pointercancel']) {
    canvas.addEventListener(end, (event) => held.delete(event.pointerId));
  }
  canvas.addEventListener('pointermove', (event) => {
    const before = held.get(event.pointerId);
    if (before) drag(pane, held, before, event);
    tell(pane, pane.pixelAt(event.clientX, event.clientY), false);
  });
  // A finger that is lifted has left, too, but its value should stay to be read.
  canvas.addEventListener(
    'pointerleave',
    (event) => event.pointerType !== 'touch' && tell(pane, null, false),
  );
  canvas.addEventListener('focus', () => canvas.matches(':focus-visible') && tellCentre(pane));
  canvas.addEventListener('blur', () => tell(pane, null, true));
  canvas.addEventListener(
    'wheel',
    (event) => {
      event.preventDefault();
      const box = canvas.getBoundingClientRect();
      viewport.zoomAt(2 ** (-event.deltaY / 300), box, event.clientX - box.left, event.clientY - box.top);
    },
    { passive: false },
  );
  canvas.addEventListener('dblclick', () => viewport.reset());
  canvas.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !press(pane, event.key)) return;
    event.preventDefault();
    tellCentre(pane);
  });
}

/**
 * Zoom about the middle of a pane.
 * @param {Pane} pane @param {number} factor
 */
export function zoomCentre(pane, factor) {
  const box = pane.canvas.getBoundingClientRect();
  pane.viewport.zoomAt(factor, box, box.width / 2, box.height / 2);
}

function press(pane, key) {
  const box = pane.canvas.getBoundingClientRect();
  const moves = { ArrowLeft: [STEP, 0], ArrowRight: [-STEP, 0], ArrowUp: [0, STEP], ArrowDown: [0, -STEP] };
  if (moves[key]) pane.viewport.pan(...moves[key], box);
  else if (key === '+' || key === '=') zoomCentre(pane, ZOOM);
  else if (key === '-') zoomCentre(pane, 1 / ZOOM);
  else if (key === '0') pane.viewport.reset();
  else return false;
  return true;
}

function drag(pane, held, before, event) {
  const box = pane.canvas.getBoundingClientRect();
  const other = [...held.values()].find((pointer) => pointer.pointerId !== event.pointerId);
  pane.viewport.pan(
    (event.clientX - before.clientX) / held.size,
    (event.clientY - before.clientY) / held.size,
    box,
  );
  if (other) {
    const apart = (pointer) => Math.hypot(pointer.clientX - other.clientX, pointer.clientY - other.clientY);
    const [px, py] = [(event.clientX + other.clientX) / 2, (event.clientY + other.clientY) / 2];
    if (apart(before) > 0)
      pane.viewport.zoomAt(apart(event) / apart(before), box, px - box.left, py - box.top);
  }
  held.set(event.pointerId, event);
}

function tellCentre(pane) {
  const box = pane.canvas.getBoundingClientRect();
  tell(pane, pane.pixelAt(box.left + box.width / 2, box.top + box.height / 2), true);
}

function tell(pane, pixel, byKeys) {
  const { width, height } = pane.viewport;
  const isInside = pixel && pixel.x >= 0 && pixel.y >= 0 && pixel.x < width && pixel.y < height;
  pane.dispatchEvent(new CustomEvent('point', { detail: { pixel: isInside ? pixel : null, byKeys } }));
}
