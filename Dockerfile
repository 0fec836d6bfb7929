# The base image is an argument, so that a company's own mirror can be used.
ARG BASE=python:3.13-slim

FROM ${BASE} AS build
WORKDIR /src
COPY deploy/constraints ./deploy/constraints
# The dependencies are a layer of their own: a change of the code does not install them again.
# The server's environment has no pip; the build's own installs into it.
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf,required=false \
    python -m venv /opt/build \
    && python -m venv --without-pip /opt/askcli \
    && /opt/build/bin/pip install --no-cache-dir --require-hashes -r deploy/constraints/build.txt \
    && /opt/build/bin/pip --python /opt/askcli/bin/python install --no-cache-dir \
        --require-hashes --only-binary :all: -r deploy/constraints/server.txt \
    # What type checkers, compilers and the libraries' own tests read.
    && find /opt/askcli -name '*.py[ix]' -delete \
    && rm -rf /opt/askcli/lib/python*/site-packages/sqlalchemy/testing \
        /opt/askcli/lib/python*/site-packages/alembic/testing
COPY pyproject.toml README.md LICENSE ./
COPY man ./man
COPY src ./src
RUN /opt/build/bin/python -m build --wheel --no-isolation --outdir /tmp/wheels \
    && /opt/build/bin/pip --python /opt/askcli/bin/python install --no-cache-dir --no-index --no-deps /tmp/wheels/*.whl

FROM ${BASE}
# Made and owned before VOLUME: a new volume takes the owner of the directory that it covers.
RUN mkdir -p /var/lib/askcli/data && chown -R 10001:10001 /var/lib/askcli
COPY --from=build /opt/askcli /opt/askcli
ENV PATH=/opt/askcli/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    HOME=/var/lib/askcli \
    HOST=0.0.0.0 \
    PORT=3000 \
    ASKCLI_DATA_DIR=/var/lib/askcli/data
# A number, because Kubernetes' runAsNonRoot accepts no name.
USER 10001:10001
WORKDIR /var/lib/askcli
VOLUME /var/lib/askcli/data
EXPOSE 3000
# http.client, because it ignores the proxies of the environment. HOST may be `::`, which is IPv6 alone.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s CMD \
    ["python", "-c", "import http.client, os, sys; c = http.client.HTTPConnection('::1' if ':' in os.environ['HOST'] else '127.0.0.1', int(os.environ['PORT']), timeout=2); c.request('GET', '/healthz'); sys.exit(c.getresponse().status != 200)"]
# exec form, so that SIGTERM reaches the server itself and running answers are stored
CMD ["askcli", "serve"]
