"""The original study's API: Flask, synchronous, a serialised image in JSON to `POST /rest/`.

`gunicorn --workers 1 --threads 8 benchmarks.peers.flask.app:app`, the model loaded once; TensorFlow
takes both cores for one prediction, so that a lock lets one run at a time.
"""

from __future__ import annotations

import base64
import threading

from flask import Flask, Response, jsonify, request

from benchmarks.peers.segmenting import Segmenting

app = Flask(__name__)
segmenting = Segmenting()
turn = threading.Lock()


@app.get("/healthz")
def health() -> Response:
    return jsonify(status="ok")


@app.post("/rest/")
def segment() -> Response:
    file = base64.b64decode(request.get_json()["image"])
    with turn:
        (mask,) = segmenting.masks([file])
    return jsonify(mask=base64.b64encode(mask).decode())
