"""LitServe with batching: `python -m benchmarks.peers.lit.app PORT`.

One worker process with the model, which uses all cores. Batches are as large as the engine accepts,
and the batch timeout is a fraction of the time of one image.
"""

from __future__ import annotations

import base64
import sys

import litserve as ls

from benchmarks.peers.segmenting import Segmenting


class Segment(ls.LitAPI):
    """Images as base64 in JSON, as in LitServe's own examples."""

    def setup(self, device: str) -> None:
        self._segmenting = Segmenting()

    def decode_request(self, request: dict[str, str]) -> bytes:
        return base64.b64decode(request["image"])

    def batch(self, inputs: list[bytes]) -> list[bytes]:
        return inputs

    def predict(self, x: list[bytes]) -> list[bytes]:
        return self._segmenting.masks(x)

    def unbatch(self, output: list[bytes]) -> list[bytes]:
        return output

    def encode_response(self, output: bytes) -> dict[str, str]:
        return {"mask": base64.b64encode(output).decode()}


if __name__ == "__main__":
    api = Segment(max_batch_size=8, batch_timeout=0.01, api_path="/segment")
    server = ls.LitServer(api, accelerator="cpu", workers_per_device=1, timeout=300)
    server.run(host="127.0.0.1", port=int(sys.argv[1]), generate_client_file=False)
