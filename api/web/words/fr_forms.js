/** Les formes d’un masque, en français. */
export default {
  'form.png': 'Masque : indices des catégories (PNG)',
  'form.labelids': 'Identifiants « labelIds » de Cityscapes (PNG)',
  'form.trainids': 'Identifiants « trainIds » de Cityscapes (PNG)',
  'form.color': 'Masque en couleurs (PNG)',
  'form.overlay': 'Superposé à l’image (JPEG)',
  'form.rle': 'Plages COCO (JSON)',
  'form.coco': 'Jeu de données COCO (JSON)',
  'form.polygons': 'Contours en polygones (GeoJSON)',
  'form.labelstudio': 'Tâches Label Studio (JSON)',
  'form.cvat': 'CVAT for images 1.1 (XML)',
  'form.confidence': 'Confiance du modèle, en gris (PNG)',
  'form.npz': 'Tableau NumPy (NPZ)',
};
