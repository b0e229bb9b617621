/** Panning, zooming and pointing in a pane: by mouse, wheel, fingers and keys. */

/** @typedef {import('./pane.js').Pane} Pane */

const PAN_STEP = 40;
const ZOOM_STEP = 1.25;
/** Pixels that a finger moves sideways to go to another image. */
const FLICK_DISTANCE = 60;
/** A touch this soon after the pen is that of the palm. */
const PALM_MS = 500;
/** Wheel pixels that double the zoom. */
const WHEEL_DOUBLING = 300;

/**
 * Let gestures in a pane move its viewport. The pane emits `point` for the pixel pointed at.
 * @param {Pane} pane
 */
export function addGestures(pane) {
  const { canvas, viewport } = pane;
  /** @type {Map<number, PointerEvent>} */
  const pressed = new Map();
  /** @type {PointerEvent | null} the finger that may flick: alone, over a whole image */
  let flicking = null;
  /** @type {number | null} the pointer that paints */
  let painter = null;
  /** When the pen was last seen, pressed or above the canvas. */
  let penSeen = -Infinity;

  /** @param {boolean} isKept */
  const endStroke = (isKept) => {
    if (painter === null) return;
    painter = null;
    pane.brush?.end(isKept);
  };
  const isPenPressed = () => [...pressed.values()].some(isPen);
  /** @param {PointerEvent} event */
  const isPalm = ({ pointerType, timeStamp }) =>
    pointerType === 'touch' && (isPenPressed() || timeStamp - penSeen < PALM_MS);
  /** The pen has come down beside the palm that rests already. */
  const releaseTouches = () => {
    for (const { pointerId, pointerType } of pressed.values()) {
      if (pointerType !== 'touch') continue;
      if (painter === pointerId) endStroke(false);
      pressed.delete(pointerId);
    }
  };

  canvas.addEventListener('pointerdown', (event) => {
    if (isPalm(event)) return;
    if (isPen(event)) {
      penSeen = event.timeStamp;
      releaseTouches();
    }
    pressed.set(event.pointerId, event);
    const isAlone = pressed.size === 1 && event.pointerType === 'touch';
    flicking = isAlone && viewport.showsWholeImage && !pane.brush ? event : null;
    canvas.setPointerCapture(event.pointerId);
    if (pressed.size > 1) endStroke(false);
    else if (pane.brush && event.button === 0) {
      painter = event.pointerId;
      pane.brush.begin(pane.pixelAt(event.clientX, event.clientY));
    }
    pointAt(pane, event.clientX, event.clientY, false);
  });
  canvas.addEventListener('pointerup', (event) => {
    if (flicking?.pointerId !== event.pointerId) return;
    const [x, y] = [event.clientX - flicking.clientX, event.clientY - flicking.clientY];
    flicking = null;
    if (Math.abs(x) > Math.max(FLICK_DISTANCE, 2 * Math.abs(y))) pane.emit('flick', x < 0 ? 1 : -1);
  });
  for (const end of /** @type {const} */ (['pointerup', 'pointercancel'])) {
    canvas.addEventListener(end, (event) => {
      pressed.delete(event.pointerId);
      if (isPen(event)) penSeen = event.timeStamp;
      // The system cancels what it takes for a palm, or for a gesture of its own.
      if (painter === event.pointerId) endStroke(end === 'pointerup');
    });
  }
  canvas.addEventListener('pointermove', (event) => {
    const before = pressed.get(event.pointerId);
    if (isPen(event)) penSeen = event.timeStamp;
    if (!before && event.pointerType === 'touch') return; // a palm
    if (painter === event.pointerId) {
      // The browser joins moves; a quick stroke needs all of them.
      for (const each of event.getCoalescedEvents?.() ?? [event]) {
        pane.brush?.move(pane.pixelAt(each.clientX, each.clientY));
      }
    } else if (before) drag(pane, pressed, before, event);
    pointAt(pane, event.clientX, event.clientY, false);
  });
  canvas.addEventListener('pointerleave', (event) => {
    // A lifted finger leaves, too, but its value should stay readable.
    if (event.pointerType !== 'touch') pane.emit('point', null, false);
  });
  canvas.addEventListener('focus', () => {
    if (canvas.matches(':focus-visible')) pointAtCentre(pane);
  });
  canvas.addEventListener('blur', () => pane.emit('point', null, true));
  canvas.addEventListener(
    'wheel',
    (event) => {
      event.preventDefault();
      const box = canvas.getBoundingClientRect();
      const factor = 2 ** (-event.deltaY / WHEEL_DOUBLING);
      viewport.zoomAt(factor, box, event.clientX - box.left, event.clientY - box.top);
    },
    { passive: false },
  );
  canvas.addEventListener('dblclick', () => !pane.brush && viewport.reset());
  canvas.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !handleKey(pane, event.key)) return;
    event.preventDefault();
    pointAtCentre(pane);
  });
}

/**
 * @param {Pane} pane
 * @param {number} factor
 */
export function zoomAtCentre(pane, factor) {
  const box = pane.canvas.getBoundingClientRect();
  pane.viewport.zoomAt(factor, box, box.width / 2, box.height / 2);
}

/**
 * @param {Pane} pane
 * @param {string} key
 * @returns {boolean} whether the key does anything
 */
function handleKey(pane, key) {
  const box = pane.canvas.getBoundingClientRect();
  if (key === 'ArrowLeft') pane.viewport.pan(PAN_STEP, 0, box);
  else if (key === 'ArrowRight') pane.viewport.pan(-PAN_STEP, 0, box);
  else if (key === 'ArrowUp') pane.viewport.pan(0, PAN_STEP, box);
  else if (key === 'ArrowDown') pane.viewport.pan(0, -PAN_STEP, box);
  else if (key === '+' || key === '=') zoomAtCentre(pane, ZOOM_STEP);
  else if (key === '-') zoomAtCentre(pane, 1 / ZOOM_STEP);
  else if (key === '0') pane.viewport.reset();
  else return false;
  return true;
}

/**
 * Pan with one pointer; pan and zoom with two.
 * @param {Pane} pane
 * @param {Map<number, PointerEvent>} pressed
 * @param {PointerEvent} before
 * @param {PointerEvent} event
 */
function drag(pane, pressed, before, event) {
  const { viewport } = pane;
  const box = pane.canvas.getBoundingClientRect();
  const other = [...pressed.values()].find(({ pointerId }) => pointerId !== event.pointerId);
  viewport.pan(
    (event.clientX - before.clientX) / pressed.size,
    (event.clientY - before.clientY) / pressed.size,
    box,
  );
  if (other) {
    const start = distance(before, other);
    const x = (event.clientX + other.clientX) / 2 - box.left;
    const y = (event.clientY + other.clientY) / 2 - box.top;
    if (start > 0) viewport.zoomAt(distance(event, other) / start, box, x, y);
  }
  pressed.set(event.pointerId, event);
}

/** @param {PointerEvent} event */
function isPen({ pointerType }) {
  return pointerType === 'pen';
}

/**
 * @param {PointerEvent} one
 * @param {PointerEvent} other
 */
function distance(one, other) {
  return Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
}

/** @param {Pane} pane */
function pointAtCentre(pane) {
  const box = pane.canvas.getBoundingClientRect();
  pointAt(pane, box.left + box.width / 2, box.top + box.height / 2, true);
}

/**
 * @param {Pane} pane
 * @param {number} clientX
 * @param {number} clientY
 * @param {boolean} byKeyboard
 */
function pointAt(pane, clientX, clientY, byKeyboard) {
  const { x, y } = pane.pixelAt(clientX, clientY);
  const { width, height } = pane.viewport;
  const isInside = x >= 0 && y >= 0 && x < width && y < height;
  pane.emit('point', isInside ? { x, y } : null, byKeyboard);
}
