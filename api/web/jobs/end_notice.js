/** The wish to be told when a job ends, while the page is in another tab. */

import { h } from '../lib/element.js';
import { t } from '../lib/i18n.js';
import { notify } from '../lib/notice.js';
import { jobName } from './job_list.js';
import { isOpen } from './job_watcher.js';

/** @typedef {import('../lib/api/schemas.js').Job} Job */

export class EndNotice {
  #isWished = false;

  constructor() {
    this.element = h(
      'button',
      { type: 'button', hidden: true, 'aria-pressed': 'false', onclick: () => this.#toggle() },
      t('job.notify'),
    );
  }

  /** @param {Job} job as it is now */
  show(job) {
    const isRunning = isOpen(job);
    this.element.hidden = !isRunning || !('Notification' in window);
    if (isRunning || !this.#isWished) return;
    this.#set(false);
    const text = `${jobName(job)}: ${t(`state.${job.state}`)}`;
    notify(text);
    if (Notification.permission === 'granted') new Notification('Roadmask', { body: text });
  }

  async #toggle() {
    if (this.#isWished) {
      this.#set(false);
      return;
    }
    const permission = await Notification.requestPermission();
    if (permission === 'denied') notify(t('job.notify.denied'));
    this.#set(permission === 'granted');
  }

  /** @param {boolean} isWished */
  #set(isWished) {
    this.#isWished = isWished;
    this.element.setAttribute('aria-pressed', String(isWished));
  }
}
