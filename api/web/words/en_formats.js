/** The names of mask formats in English. */
export default {
  'format.png': 'Category indices with colours (indexed PNG)',
  'format.index': 'Indices 0 to 7 for programs (grey PNG)',
  'format.labelids': 'Cityscapes label ids (PNG)',
  'format.trainids': 'Cityscapes train ids (PNG)',
  'format.color': 'Colour mask (PNG)',
  'format.overlay': 'Overlay on the image (JPEG)',
  'format.rle': 'COCO run-length encoding (JSON)',
  'format.coco': 'COCO dataset (JSON)',
  'format.polygons': 'Polygons (GeoJSON)',
  'format.labelstudio': 'Label Studio tasks (JSON)',
  'format.cvat': 'CVAT for images 1.1 (XML)',
  'format.confidence': 'Confidence (grey PNG)',
  'format.npz': 'NumPy archive (NPZ)',
};
