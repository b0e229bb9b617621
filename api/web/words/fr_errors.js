/** Les messages d’erreur en français. Ceux en anglais viennent de l’API. */
export default {
  'error.not_a_mask':
    'Ce fichier n’est pas un masque. Un masque est un PNG indexé ou gris, sans entrelacement.',
  'error.job_canceled': 'Le travail a été annulé avant la segmentation de cette image.',
  'error.job_expired':
    'Le travail a atteint son échéance. Les masques terminés sont conservés ; reprenez-le pour obtenir les autres.',
  'error.job_failed': 'Le travail a été arrêté avant la segmentation de cette image.',
  'error.job_file_unreadable':
    'La demande de ce travail est endommagée. Les masques terminés sont conservés ; soumettez les autres images dans un nouveau travail.',
  'error.final_record_unreadable':
    'La fin de ce travail ne peut pas être lue. Les masques terminés sont conservés ; réessayez pour obtenir les autres.',
  'error.error_threshold':
    'Trop d’images ont échoué pour ce travail. Les autres n’ont pas été segmentées. Réessayez pour continuer.',
  'error.all_items_failed': 'Toutes les images de ce travail ont échoué. Chacune indique la cause.',
  'error.invalid_request': 'La requête est mal formée.',
  'error.invalid_id': 'Cet identifiant n’est pas valable.',
  'error.condition_unclear':
    'La condition n’est pas claire. Exemple : human > 0.5% and vehicle.iou < 50%',
  'error.dataset_taken': 'Cette image ou ce jeu de données n’appartient pas à cette seule clé.',
  'error.insufficient_scope': 'Cette clé n’a pas le droit de faire cela.',
  'error.quota_exceeded': 'Le quota de cette clé est épuisé.',
  'error.too_many_requests': 'Trop de requêtes. Attendez un instant, puis réessayez.',
  'error.manifest_unreadable': 'La liste des images de ce travail est endommagée.',
  'error.result_unreadable':
    'Le résultat conservé est endommagé. Un nouveau travail retrouvera le masque.',
  'error.mask_damaged': 'Le masque conservé est endommagé. Demandez-le à nouveau.',
  'error.reconciler_stalled': 'Le service ne se répare plus. Prévenez l’exploitant.',
  'error.workers_unavailable': 'Aucun worker ne peut faire ce travail. Réessayez plus tard.',
  'error.unknown_category': 'Cette catégorie n’existe pas.',
  'error.unauthorized': 'Une clé d’API est requise.',
  'error.cross_site_request':
    'Le service ne répond pas sous ce nom. L’exploitant doit le déclarer, ou exiger des clés.',
  'error.link_expired': 'Ce lien a expiré. Rechargez la page.',
  'error.not_found': 'Introuvable.',
  'error.image_not_found': 'Cette image n’existe pas. Envoyez-la, ou vérifiez l’identifiant.',
  'error.dataset_not_found': 'Ce jeu de données n’existe pas.',
  'error.dataset_not_segmented':
    'Aucun travail n’a segmenté ce jeu de données. Lancez-en un pour filtrer par contenu.',
  'error.erasure_not_found': 'Cette suppression n’est pas connue.',
  'error.truth_not_found': 'Cette image n’a pas de masque annoté.',
  'error.job_not_found': 'Ce travail n’existe pas, ou n’est plus conservé.',
  'error.item_not_found': 'Ce travail n’a pas d’image à ce rang.',
  'error.confidence_not_found':
    'La confiance n’a pas été calculée. Demandez-la avec un nouveau travail.',
  'error.mask_not_found': 'Ce masque n’existe pas, ou n’existe plus.',
  'error.delivery_not_found': 'Ce travail n’a pas de webhook.',
  'error.webhook_not_allowed': 'Le service n’a pas le droit d’appeler cette adresse.',
  'error.not_in_time': 'Le délai est dépassé. Le travail continue.',
  'error.model_not_found': 'Ce modèle n’existe pas.',
  'error.object_not_found': 'Cet objet n’existe plus.',
  'error.method_not_allowed': 'Cette adresse n’accepte pas cette méthode.',
  'error.conflict': 'La requête est incompatible avec l’état actuel.',
  'error.idempotency_conflict': 'Cette clé d’idempotence a déjà servi à une autre requête.',
  'error.signature_invalid':
    'Ce modèle n’a pas de signature valable. Demandez à l’exploitant de le signer.',
  'error.hash_mismatch': 'Les octets reçus ne sont pas ceux annoncés. Renvoyez le fichier.',
  'error.job_closed': 'L’état de ce travail ne le permet pas.',
  'error.range_unsatisfiable': 'Le fichier n’a pas les octets demandés.',
  'error.upload_too_large': 'Le fichier est trop gros.',
  'error.body_compressed': 'Le corps de la requête est compressé. Envoyez-le sans compression.',
  'error.queue_full': 'La file est pleine. Réessayez plus tard.',
  'error.unavailable': 'Le service est momentanément indisponible. Réessayez.',
  'error.records_unavailable': 'Redis est inaccessible. Réessayez.',
  'error.store_unavailable': 'Le stockage d’objets est inaccessible. Réessayez.',
  'error.service_unreachable': 'Le service ne répond pas.',
  'error.item_error': 'L’image n’a pas pu être segmentée.',
  'error.image_empty': 'Le fichier est vide. Vérifiez sa copie.',
  'error.image_unreadable': 'L’image est endommagée ou tronquée. Copiez à nouveau le fichier.',
  'error.image_too_large': 'L’image a trop de pixels. Réduisez-la.',
  'error.unsupported_format':
    'Ce format d’image n’est pas pris en charge. Convertissez le fichier en JPEG ou en PNG.',
  'error.image_animated': 'Le fichier a plusieurs images ou pages. Envoyez-les séparément.',
  'error.image_missing': 'Les octets de l’image ne sont plus conservés. Renvoyez-la.',
  'error.engine_not_found':
    'Le worker ne peut pas exécuter ce modèle. Choisissez-en un autre ou prévenez l’exploitant.',
  'error.model_failed': 'Le modèle a échoué sur cette image. Un nouvel essai peut réussir.',
  'error.model_not_loaded': 'Le modèle n’a pas pu être chargé. L’exploitant doit le vérifier.',
  'error.deadline_exceeded': 'L’image a pris trop de temps. Un nouvel essai peut réussir.',
  'error.worker_crashed': 'Le worker s’est arrêté sur cette image. Un nouvel essai peut réussir.',
  'error.decoder_crashed':
    'Le décodeur s’est arrêté sur cette image. Enregistrez-la à nouveau et envoyez la copie.',
};
