# syntax=docker/dockerfile:1
# The base image is an argument, so that a company's own mirror can stand in.
ARG BASE=python:3.13-slim

FROM ${BASE} AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY src ./src
RUN python -m venv /opt/askcli && /opt/askcli/bin/pip install --no-cache-dir .

FROM ${BASE}
RUN useradd --system --create-home --home-dir /var/lib/askcli --shell /usr/sbin/nologin askcli
COPY --from=build /opt/askcli /opt/askcli
ENV PATH=/opt/askcli/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    HOST=0.0.0.0 \
    PORT=3000 \
    ASKCLI_DATA_DIR=/var/lib/askcli/data
USER askcli
WORKDIR /var/lib/askcli
VOLUME /var/lib/askcli/data
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s CMD \
    ["python", "-c", "import os, urllib.request as r; r.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/readyz', timeout=2)"]
# exec form, so that SIGTERM reaches the server itself and running answers are kept
CMD ["askcli", "serve"]
