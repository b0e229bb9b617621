/** Textes français : ce que veulent dire des échantillons profonds, bruts ou thermiques. */

export default {
  'pixels.menu': 'Échantillons',
  'pixels.title': 'Images profondes, brutes ou thermiques',
  'pixels.dataset': 'Le jeu de données indique {pixels}.',
  'pixels.asis': 'Selon le jeu de données ou le fichier',
  'pixels.bits': 'Bits qui portent des données',
  'pixels.cfa': 'Filtres de couleur du capteur',
  'pixels.curve': 'Courbe',
  'pixels.linear': 'Linéaire : proportionnelle à la lumière',
  'pixels.range': 'Noir et blanc',
  'pixels.percentile': 'Les 0,5 % les plus sombres et les plus clairs de chaque image',
  'pixels.stated': 'Ces valeurs',
  'pixels.low': 'Noir',
  'pixels.high': 'Blanc',
  'pixels.used': 'échantillons : {pixels}',
  'pixels.doubtful':
    'Les échantillons semblent linéaires, bruts, thermiques ou saturés : indiquez sous « Échantillons » ce qu’ils sont.',
};
