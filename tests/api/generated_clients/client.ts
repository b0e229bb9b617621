// A client that openapi-typescript generated the types of: it compiles in strict mode, and runs.
import createClient from 'openapi-fetch';
import type { paths } from './schema.js';

const [url = '', photo = ''] = process.argv.slice(2);
const client = createClient<paths>({ baseUrl: url });

function known<T>(value: T | undefined, error: unknown): T {
  if (value === undefined) throw new Error(JSON.stringify(error));
  return value;
}

const files = new FormData();
files.append('files', new Blob([Buffer.from(photo, 'base64')]), 'front.jpg');
const uploaded = await client.POST('/v1/images', {
  body: { files: [] },
  bodySerializer: () => files,
});
const image = known(uploaded.data, uploaded.error)[0]?.image;
const created = await client.POST('/v1/jobs', {
  body: { images: [{ id: image?.id ?? '' }] },
});
const job = known(created.data, created.error);
for (;;) {
  const path = { job_id: job.id };
  const { data, error } = await client.GET('/v1/jobs/{job_id}', { params: { path, query: { wait: 5 } } });
  if (known(data, error).finished_at) break;
}
const listed = await client.GET('/v1/jobs/{job_id}/items', { params: { path: { job_id: job.id } } });
const item = known(listed.data, listed.error).items[0];
const mask = await client.GET('/v1/jobs/{job_id}/items/{index}/mask', {
  params: { path: { job_id: job.id, index: item?.index ?? 0 }, query: { format: 'index' } },
  parseAs: 'arrayBuffer',
});
const missing = await client.GET('/v1/images/{image_id}', { params: { path: { image_id: 'no/image' } } });
console.log(
  JSON.stringify({
    name: item?.custom_id,
    flat: item?.result?.shares.flat,
    png: Buffer.from(known(mask.data, mask.error)).toString('base64'),
    code: missing.error && 'code' in missing.error ? missing.error.code : null,
  }),
);
