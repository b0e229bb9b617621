/** The forms of a mask, in English. */
export default {
  'form.png': 'Mask: category indices (PNG)',
  'form.labelids': 'Cityscapes label ids (PNG)',
  'form.trainids': 'Cityscapes train ids (PNG)',
  'form.color': 'Mask in colour (PNG)',
  'form.overlay': 'Overlay on the image (JPEG)',
  'form.rle': 'COCO run lengths (JSON)',
  'form.coco': 'COCO dataset (JSON)',
  'form.polygons': 'Outlines as polygons (GeoJSON)',
  'form.labelstudio': 'Label Studio tasks (JSON)',
  'form.cvat': 'CVAT for images 1.1 (XML)',
  'form.confidence': 'Confidence of the model, in grey (PNG)',
  'form.npz': 'NumPy array (NPZ)',
};
