# Images of the service: `api`, `worker` and `all-in-one` without TensorFlow, `worker-gpu` with it and
# with CUDA. Environments are built in stages of their own, so that no image keeps the source beside
# them; what they depend on is installed before the sources, which change more often.
FROM python:3.11-slim-bookworm AS base
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PATH=/opt/roadmask/bin:$PATH
# Containers keep no bytecode, and this image comes without: each process would compile Python again.
RUN python -m compileall -q -x 'site-packages|dist-packages|idlelib|lib2to3|/tests?/' \
    "$(python -c "import sysconfig; print(sysconfig.get_path('stdlib'))")"
RUN useradd --create-home --uid 10001 roadmask && mkdir /data && chown roadmask /data

# uv checks the hash of each package against the lock; pip checks that of uv.
FROM base AS environment
ENV UV_CONSTRAINT=/source/requirements.lock UV_BUILD_CONSTRAINT=/source/requirements.lock \
    UV_NO_CACHE=1 UV_NO_SOURCES=1 UV_COMPILE_BYTECODE=1 VIRTUAL_ENV=/opt/roadmask
WORKDIR /source
COPY deploy/uv.lock deploy/
RUN python -m venv /opt/uv \
 && /opt/uv/bin/pip install --no-cache-dir --require-hashes --requirement deploy/uv.lock \
 && python -m venv --without-pip /opt/roadmask
COPY requirements.lock pyproject.toml README.md LICENSE deploy/dependencies.py deploy/slim.sh ./
COPY server server

FROM environment AS api-dependencies
RUN python dependencies.py api | /opt/uv/bin/uv pip install --requirement -

FROM environment AS worker-dependencies
RUN python dependencies.py worker | /opt/uv/bin/uv pip install --requirement -

FROM worker-dependencies AS all-in-one-dependencies
RUN python dependencies.py api worker embedded | /opt/uv/bin/uv pip install --requirement -

FROM worker-dependencies AS keras-dependencies
RUN python dependencies.py worker keras | /opt/uv/bin/uv pip install --requirement -

FROM api-dependencies AS api-environment
COPY roadmask roadmask
COPY storage storage
COPY api api
RUN /opt/uv/bin/uv pip install --no-deps . ./server && sh slim.sh

FROM worker-dependencies AS worker-environment
COPY roadmask roadmask
COPY storage storage
COPY ml ml
COPY worker worker
RUN /opt/uv/bin/uv pip install --no-deps . ./server && sh slim.sh

FROM all-in-one-dependencies AS all-in-one-environment
COPY roadmask roadmask
COPY storage storage
COPY ml ml
COPY worker worker
COPY api api
RUN /opt/uv/bin/uv pip install --no-deps . ./server && sh slim.sh

# TensorFlow compiles the default model here. The images without it get the result alone.
FROM keras-dependencies AS compiled
COPY roadmask roadmask
COPY storage storage
COPY ml ml
COPY worker worker
RUN /opt/uv/bin/uv pip install --no-deps . ./server && roadmask models compile default
RUN cd /opt/roadmask/lib/python3.11/site-packages/ml/weights \
 && mkdir /compiled && cp --recursive --parents */compiled /compiled

FROM keras-dependencies AS gpu-environment
COPY deploy/cuda.lock deploy/
RUN UV_CONSTRAINT="/source/requirements.lock /source/deploy/cuda.lock" \
    /opt/uv/bin/uv pip install "tensorflow[and-cuda]"
COPY roadmask roadmask
COPY storage storage
COPY ml ml
COPY worker worker
RUN /opt/uv/bin/uv pip install --no-deps . ./server

FROM base AS api
COPY --from=api-environment /opt/roadmask /opt/roadmask
USER roadmask
EXPOSE 8000
CMD ["roadmask", "api", "--host", "0.0.0.0", "--port", "8000"]

FROM base AS worker
COPY --from=worker-environment /opt/roadmask /opt/roadmask
COPY --from=compiled /compiled /opt/roadmask/lib/python3.11/site-packages/ml/weights
# The sandbox starts with the first image that needs it, which saves 50 MB until then.
ENV ROADMASK_WARM_SANDBOX=false
USER roadmask
CMD ["roadmask", "worker"]

# The whole service for one small machine: Redis, API and a worker that also does the scheduler's duties.
# Two heaps at most, since each thread's own heap keeps what it has freed.
# The first process is an init, because small plans start none: it takes in what a worker that died leaves.
FROM base AS all-in-one
RUN apt-get update && apt-get install -y --no-install-recommends tini && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin
COPY --from=all-in-one-environment /opt/roadmask /opt/roadmask
COPY --from=compiled /compiled /opt/roadmask/lib/python3.11/site-packages/ml/weights
ENV ROADMASK_DATA_DIR=/data ROADMASK_WORKER_THREADS=1 ROADMASK_MAX_BATCH=2 \
    ROADMASK_WARM_SANDBOX=false MALLOC_ARENA_MAX=1
USER roadmask
EXPOSE 8000
ENTRYPOINT ["tini", "--"]
CMD ["roadmask", "up", "--host", "0.0.0.0", "--no-scheduler", "--logs-to-stderr"]

FROM base AS worker-gpu
COPY --from=gpu-environment /opt/roadmask /opt/roadmask
USER roadmask
CMD ["roadmask", "worker"]
