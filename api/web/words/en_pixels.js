/** English texts: what deep, raw and thermal samples mean. */

export default {
  'pixels.menu': 'Samples',
  'pixels.title': 'Deep, raw or thermal images',
  'pixels.dataset': 'The dataset says {pixels}.',
  'pixels.asis': 'As the dataset or the file says',
  'pixels.bits': 'Bits that hold data',
  'pixels.cfa': 'Colour filters of the sensor',
  'pixels.curve': 'Curve',
  'pixels.linear': 'Linear: proportional to light',
  'pixels.range': 'Black and white',
  'pixels.percentile': 'The darkest and brightest 0.5% of each image',
  'pixels.stated': 'These values',
  'pixels.low': 'Black',
  'pixels.high': 'White',
  'pixels.used': 'samples: {pixels}',
  'pixels.doubtful':
    'The samples look linear, raw, thermal or clipped: say under “Samples” what they are.',
};
