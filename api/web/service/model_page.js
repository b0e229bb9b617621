/** One version of a model, as its card describes it: scores, conditions, calibration, terms. */

import { getModel } from '../lib/api/client.js';
import { fill, h } from '../lib/element.js';
import { bytes, dateTime, hasText, number, percent, t } from '../lib/i18n.js';
import { fullName, shortModel } from '../lib/names.js';
import { failureNote } from '../lib/recovery.js';
import { link } from '../lib/route.js';
import { categoryName } from '../lib/taxonomy.js';
import { ModelJobs } from './model_jobs.js';
import { table } from './table.js';

/** @typedef {import('../lib/api/schemas.js').Model} Model */
/** @typedef {import('./model_card.js').Measured} Measured */
/** @typedef {import('./model_card.js').ModelCard} ModelCard */
/** @typedef {import('./model_card.js').Robustness} Robustness */

export class ModelPage {
  #name;
  #content = h('div', { class: 'model' });
  #jobs;

  /** @param {string} name `name@version` */
  constructor(name) {
    this.#name = name;
    this.#jobs = new ModelJobs(name);
    this.element = h(
      'div',
      { class: 'page' },
      h('a', { href: link('service') }, t('model.back')),
      h('h1', { title: name }, shortModel(name)),
      this.#content,
      this.#jobs.element,
    );
    this.#load();
  }

  close() {
    this.#jobs.close();
  }

  async #load() {
    try {
      this.#show(await getModel(this.#name));
    } catch (error) {
      fill(
        this.#content,
        failureNote(error, () => this.#load()),
      );
    }
  }

  /** @param {Model} model */
  #show(model) {
    const card = /** @type {ModelCard} */ (model.card ?? {});
    const { limits = [], notices = [] } = card;
    const measured = card.metrics?.[0];
    fill(
      this.#content,
      h('p', { lang: 'en' }, card.choice ?? ''),
      facts(model, card),
      !model.card && h('p', { class: 'note' }, t('model.nocard')),
      measured && scoreCard(measured),
      card.robustness && conditionCard(card.robustness),
      limits.length > 0 && textCard(t('model.limits'), limits),
      notices.length > 0 && textCard(t('model.terms'), notices),
    );
  }
}

/**
 * @param {Model} model
 * @param {ModelCard} card
 */
function facts(model, card) {
  const measured = card.metrics?.[0];
  const values = [
    [t('service.status'), model.in_service ? t('service.inservice') : ''],
    [t('score.mean_iou'), percent(model.mean_iou)],
    [t('service.size'), model.size ? bytes(model.size) : ''],
    [t('model.parameters'), card.parameters ? number(card.parameters) : ''],
    [t('model.pixels'), card.fit?.budget ? number(card.fit.budget) : ''],
    [t('model.calibration'), measured?.ece === undefined ? '' : percent(measured.ece, 2)],
    [t('service.published'), model.pushed_at ? dateTime(model.pushed_at) : ''],
  ];
  return h(
    'dl',
    { class: 'stats' },
    values
      .filter(([, value]) => value)
      .map(([label, value]) => h('div', {}, h('dt', {}, label), h('dd', {}, value))),
  );
}

/** @param {Measured} measured */
function scoreCard({ dataset, scores }) {
  const columns = /** @type {const} */ (['iou', 'dice', 'accuracy']);
  const rows = Object.entries(scores.per_category).map(([name, score]) => [
    categoryName({ name }),
    percent(score.iou),
    percent(score.dice),
    percent(score.accuracy),
  ]);
  return card(
    t('model.scores', { dataset, n: scores.images }),
    table(
      [
        { title: t('legend.category') },
        ...columns.map((name) => ({
          title: t(`legend.${name}`),
          isNumber: true,
        })),
      ],
      rows,
    ),
  );
}

/** @param {Robustness} robustness */
function conditionCard({ per_condition: conditions, clean, mean }) {
  const rows = Object.entries(conditions)
    .sort(([, one], [, other]) => one.severe - other.severe)
    .map(([name, { mild, severe }]) => [conditionName(name), percent(mild), percent(severe)]);
  return card(
    t('model.conditions'),
    h(
      'p',
      { class: 'note' },
      t('model.conditions.text', { clean: percent(clean), mean: percent(mean) }),
    ),
    table(
      [
        { title: t('model.condition') },
        { title: t('model.mild'), isNumber: true },
        { title: t('model.severe'), isNumber: true },
      ],
      rows,
    ),
  );
}

/** @param {string} name */
function conditionName(name) {
  const key = `condition.${name}`;
  return hasText(key) ? t(key) : name.replaceAll('_', ' ');
}

/**
 * @param {string} title
 * @param {string[]} texts in English, as the card has them
 */
function textCard(title, texts) {
  return card(
    title,
    h(
      'ul',
      { class: 'texts', lang: 'en' },
      texts.map((text) => h('li', {}, text)),
    ),
  );
}

/**
 * @param {string} title
 * @param {...Node} content
 */
function card(title, ...content) {
  return h('section', { class: 'card' }, h('h2', {}, title), ...content);
}

/**
 * A link to the page of a model.
 * @param {Model} model
 */
export function modelLink(model) {
  const name = fullName(model);
  return h('a', { href: link('service', { model: name }), title: name }, shortModel(name));
}
