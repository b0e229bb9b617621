"""The original study's API: Flask, synchronous, a base64 image in JSON to `POST /rest/`.

gunicorn runs one process for each core, as its documentation recommends, with 4 threads each. There
is no batching: a process runs the network on one image at a time, while its other threads decode
and encode.
"""

from __future__ import annotations

import base64

from flask import Flask, Response, jsonify, request

from benchmarks.peers.segmenting import Segmenting

app = Flask(__name__)
segmenting = Segmenting()


@app.post("/rest/")
def segment() -> Response:
    file = base64.b64decode(request.get_json()["image"])
    (mask,) = segmenting.masks([file])
    return jsonify(mask=base64.b64encode(mask).decode())
