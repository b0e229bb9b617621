/** Les noms des formats de masque en français. */
export default {
  'format.png': 'Indices des catégories, en couleurs (PNG indexé)',
  'format.index': 'Indices 0 à 7 pour les programmes (PNG gris)',
  'format.labelids': 'Identifiants « labelIds » de Cityscapes (PNG)',
  'format.trainids': 'Identifiants « trainIds » de Cityscapes (PNG)',
  'format.color': 'Masque en couleurs (PNG)',
  'format.overlay': 'Superposition à l’image (JPEG)',
  'format.rle': 'Codage par plages COCO (JSON)',
  'format.coco': 'Jeu de données COCO (JSON)',
  'format.polygons': 'Polygones (GeoJSON)',
  'format.labelstudio': 'Tâches Label Studio (JSON)',
  'format.cvat': 'CVAT for images 1.1 (XML)',
  'format.confidence': 'Confiance (PNG gris)',
  'format.npz': 'Archive NumPy (NPZ)',
};
