/** The options of a menu of models. */

import { h } from '../element.js';
import { fullName, modelLabel, shortModel } from '../names.js';

/**
 * An option for each model, and one for the chosen version if it is not among them: a link may name
 * one that no worker offers now.
 * @param {import('../api/schemas.js').Model[]} models
 * @param {string} [chosen] `name@version`; empty for none
 */
export function modelOptions(models, chosen = '') {
  const listed = models.map((model) => option(fullName(model), modelLabel(model)));
  const isListed = !chosen || models.some((model) => fullName(model) === chosen);
  return isListed ? listed : [...listed, option(chosen, shortModel(chosen))];
}

/**
 * @param {string} value
 * @param {string} label
 */
function option(value, label) {
  return h('option', { value, title: value }, label);
}
