# Slim images of the service: `api` carries no TensorFlow, `worker` does, `worker-gpu` brings CUDA.
FROM python:3.11-slim-bookworm AS base
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN useradd --create-home --uid 10001 roadmask && mkdir /data && chown roadmask /data
WORKDIR /srv/roadmask
COPY requirements.lock pyproject.toml README.md LICENSE ./
COPY roadmask roadmask
COPY storage storage

FROM base AS api
COPY api api
RUN pip install --constraint requirements.lock ".[api]"
USER roadmask
EXPOSE 8000
CMD ["roadmask", "api", "--host", "0.0.0.0", "--port", "8000"]

FROM base AS worker
COPY ml ml
COPY worker worker
RUN pip install --constraint requirements.lock ".[worker]"
USER roadmask
CMD ["roadmask", "worker"]

FROM base AS worker-gpu
COPY ml ml
COPY worker worker
RUN pip install --constraint requirements.lock ".[worker]" "tensorflow[and-cuda]"
USER roadmask
CMD ["roadmask", "worker"]
