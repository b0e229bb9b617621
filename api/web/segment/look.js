/** How the pictures are shown: layout, layers, opacity, hidden categories. Kept in the link. */

const LAYERS = ['image', 'truth', 'prediction'];
const THIRD = ['prediction', 'difference', 'confidence'];
/** What the third picture can show. */

export class Look extends EventTarget {
  /** @param {URLSearchParams} query */
  constructor(query) {
    super();
    this.#read(query);
  }

  /** @param {URLSearchParams} query of another link */
  reopen(query) {
    this.#read(query);
    this.dispatchEvent(new Event('change'));
  }

  #read(query) {
    this.layout = query.get('layout') === 'swipe' ? 'swipe' : 'side';
    this.third = THIRD.includes(query.get('show')) ? query.get('show') : 'prediction';
    this.opacity = within(query.get('opacity'), 100);
    this.divider = within(query.get('divider'), 50);
    const pair = (query.get('pair') ?? '').split(',').filter((name) => LAYERS.includes(name));
    this.pair = pair.length === 2 ? pair : ['image', 'prediction'];
    this.hidden = new Set((query.get('hidden') ?? '').split(',').filter(Boolean).map(Number));
  }

  /** What differs from the default, as it is in a link. */
  query() {
    return {
      layout: this.layout === 'swipe' ? 'swipe' : null,
      show: this.third === 'prediction' ? null : this.third,
      opacity: this.opacity === 100 ? null : this.opacity,
      divider: this.layout === 'swipe' && this.divider !== 50 ? this.divider : null,
      pair: this.layout === 'swipe' ? this.pair.join(',') : null,
      hidden: [...this.hidden].join(','),
    };
  }

  /**
   * The two that are swiped: those chosen, where there are both.
   * @param {string[]} layers that there are
   */
  pairOf(layers) {
    return this.pair.every((name) => layers.includes(name)) ? this.pair : ['image', 'prediction'];
  }

  /** @param {string} name what the third picture shows; once more, and it is the prediction again */
  toggleThird(name) {
    this.set({ third: this.third === name ? 'prediction' : name });
  }

  /** @param {Partial<Look>} change */
  set(change) {
    Object.assign(this, change);
    this.dispatchEvent(new Event('change'));
  }

  /** @param {number} index of a category to hide, or to show again */
  toggle(index) {
    if (!this.hidden.delete(index)) this.hidden.add(index);
    this.dispatchEvent(new Event('change'));
  }
}

function within(text, otherwise) {
  const value = Number(text ?? NaN);
  return value >= 0 && value <= 100 ? value : otherwise;
}
