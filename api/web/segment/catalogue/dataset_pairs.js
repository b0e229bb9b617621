/** Which annotated mask belongs to which image of a folder: the one of the same name. */

/** @typedef {import('../../lib/files/upload.js').SelectedFile} SelectedFile */

/** What data sets add to the name of an image or of its mask: `_leftImg8bit`, `_gtFine_labelIds`, `_L`, … */
const SUFFIX =
  /(_leftImg8bit|_gtFine|_gtCoarse|_labelIds|_labelTrainIds|_labels?|_masks?|[._-]mask|[._-]label|_L|_truth)$/i;

/**
 * The truth of each image, undefined where there is none.
 * @param {SelectedFile[]} images
 * @param {SelectedFile[]} truths
 * @returns {{image: SelectedFile, truth: SelectedFile | undefined}[]}
 */
export function pairFiles(images, truths) {
  const byPath = new Map(truths.map((file) => [stemOf(innerPath(file.path)), file]));
  /** @type {Map<string, SelectedFile | null>} null for a name that comes twice */
  const byName = new Map();
  for (const file of truths) {
    const name = lastPart(stemOf(file.path));
    byName.set(name, byName.has(name) ? null : file);
  }
  return images.map((image) => {
    const stem = stemOf(innerPath(image.path));
    return { image, truth: byPath.get(stem) ?? byName.get(lastPart(stem)) ?? undefined };
  });
}

/**
 * The names of images in their dataset: their paths without a suffix, where that is clear.
 * @param {SelectedFile[]} images
 * @returns {string[]}
 */
export function namesIn(images) {
  const paths = images.map(({ path }) => innerPath(path));
  const names = paths.map((path) => path.replace(/\.[^./]+$/, ''));
  const counts = new Map();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return names.map((name, at) => (counts.get(name) > 1 ? (paths[at] ?? name) : name));
}

/**
 * A path below the folder that was chosen.
 * @param {string} path
 */
function innerPath(path) {
  return path.includes('/') ? path.slice(path.indexOf('/') + 1) : path;
}

/** @param {string} path */
function stemOf(path) {
  let stem = path.replace(/\.[^./]+$/, '');
  while (SUFFIX.test(stem)) stem = stem.replace(SUFFIX, '');
  return stem.toLowerCase();
}

/** @param {string} path */
function lastPart(path) {
  return path.slice(path.lastIndexOf('/') + 1);
}
