/** The part of the API's schemas that the page reads. Names and fields are those of OpenAPI. */

export type JobState =
  | 'queued'
  | 'running'
  | 'succeeded'
  | 'completed_with_errors'
  | 'failed'
  | 'canceled'
  | 'expired';
export type ItemState = 'queued' | 'running' | 'succeeded' | 'failed' | 'canceled';
export type Lane = 'interactive' | 'batch';

export interface Problem {
  code: string;
  title: string;
  detail: string;
  retryable: boolean;
}

export interface CategoryInfo {
  index: number;
  name: string;
  color: [number, number, number];
}

export interface TaxonomyInfo {
  void: number;
  categories: CategoryInfo[];
}

export interface Pixels {
  bits: number | null;
  cfa: 'RGGB' | 'BGGR' | 'GRBG' | 'GBRG' | null;
  curve: 'srgb' | 'linear' | null;
  range: [number, number] | 'percentile' | null;
}

export interface Image {
  id: string;
  filename: string | null;
  sha256: string;
  format: string;
  width: number;
  height: number;
  channels: number;
  bit_depth: number;
  pixels: Pixels | null;
  truth_sha256: string | null;
  content_url: string;
  truth_url: string | null;
}

export interface ImagePage {
  images: Image[];
  next: string | null;
  offset: number | null;
  total: number | null;
}

export interface CatalogueEntry {
  name: string;
  sha256: string;
  truth_sha256?: string;
  filename?: string;
}

export interface Dataset {
  name: string;
  images: number;
  latest_job: string | null;
}

export interface CategoryScore {
  iou: number | null;
  dice: number | null;
  accuracy: number | null;
}

export interface Scores {
  accuracy: number | null;
  mean_iou: number | null;
  mean_dice: number | null;
  images: number;
  per_category: Record<string, CategoryScore>;
}

export interface Result {
  shares: Record<string, number>;
  artifact: string;
  cached: boolean;
  timings_ms: Record<string, number>;
  confidence: number | null;
  quality: Quality;
  pixels: Pixels | null;
  warnings: string[];
  scores: Scores | null;
}

export interface Item {
  index: number;
  image_id: string;
  custom_id: string | null;
  state: ItemState;
  error: Problem | null;
  result: Result | null;
}

export interface ItemPage {
  items: Item[];
  next: string | null;
  offset: number | null;
  total: number | null;
}

export interface ScoreInterval {
  mean: number;
  margin: number;
  images: number;
  effective_images: number;
}

export interface ScoreReport {
  confusion: number[][];
  interval: ScoreInterval | null;
}

export interface Counts {
  total: number;
  succeeded: number;
  failed: number;
  canceled: number;
  cached: number;
}

export interface Job {
  id: string;
  name: string | null;
  state: JobState;
  lane: Lane;
  model: string;
  quality: Quality;
  pixels: Pixels | null;
  dataset: string | null;
  confidence: boolean;
  counts: Counts;
  progress: number;
  queue_position: number | null;
  images_per_second: number | null;
  eta_seconds: number | null;
  scores: Scores | null;
  error: Problem | null;
  created_at: string;
  started_at: string | null;
  finished_at: string | null;
}

export interface ItemDisagreement {
  index: number;
  image_id: string;
  custom_id: string | null;
  share: number;
}

export interface DisagreementPage {
  model: string;
  other_model: string;
  items: ItemDisagreement[];
  counts: number[][];
  next: string | null;
}

export interface JobPage {
  jobs: Job[];
  next: string | null;
}

export interface ImageRef {
  id: string;
  custom_id?: string;
}

export type Quality = 'fast' | 'standard' | 'best';

export interface JobCreate {
  images?: ImageRef[];
  dataset?: string;
  name?: string | null;
  model: string;
  quality?: Quality;
  pixels?: Pixels | null;
  lane: Lane;
  confidence: boolean;
  error_threshold?: number | null;
}

export interface Model {
  name: string;
  version: string;
  in_service: boolean;
  pushed_at: string | null;
  size: number | null;
  mean_iou: number | null;
  card: object | null;
}

export interface ModelList {
  in_service: string | null;
  models: Model[];
}

export interface LaneStatus {
  images: number;
  messages: number;
  images_per_second: number;
}

export interface Worker {
  id: string;
  model: string | null;
  lanes: Lane[];
  images_per_second: number;
  /** Workers describe themselves: the API checks none of the facts below. */
  host?: string;
  pid?: number;
  items_done?: number;
  started_at?: string;
  loaded?: string[];
}

export interface ServiceStatus {
  version: string;
  store: string;
  lanes: Record<Lane, LaneStatus>;
  workers: Worker[];
  max_upload_bytes: number;
  max_image_pixels: number;
}
