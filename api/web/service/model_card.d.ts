/** The part of a model's card that the page shows. Older cards lack some of it. */

import type { Scores } from '../lib/api/schemas.js';

export interface Measured {
  dataset: string;
  scores: Scores;
  ece?: number;
}

export interface Robustness {
  clean: number;
  mean: number;
  per_condition: Record<string, { mild: number; severe: number }>;
}

export interface ModelCard {
  choice?: string;
  parameters?: number;
  fit?: { budget: number };
  metrics?: Measured[];
  robustness?: Robustness | null;
  limits?: string[];
  notices?: string[];
}
