# syntax=docker/dockerfile:1
# Tocsin in one image; the command is the process: docker run tocsin gateway, worker, sender, api, migrate, doctor …
# Everything Python is installed in the first stage, from the lock, each file checked against its hash; the second has no compiler, no pip
# and nobody who may write to what it runs.
ARG PYTHON=3.11-slim-bookworm

FROM python:${PYTHON} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1
RUN python -m venv /opt/tocsin
ENV PATH=/opt/tocsin/bin:$PATH
WORKDIR /src
COPY deploy/locked requirements.lock pyproject.toml ./
# What production needs of the lock: the package's own dependencies and PostgreSQL, without the embedded brokers and the tools of
# development. Wheels only: nothing is compiled, and nothing that is not in the lock can run here.
RUN python locked requirements.lock pyproject.toml --extra postgres > production.lock \
 && pip install --require-hashes --no-deps --only-binary :all: -r production.lock \
 && pip check \
 && pip uninstall --yes pip setuptools
# The packages themselves are plain Python: they are put where Python looks, and the command beside it.
COPY ingest /opt/tocsin/lib/python3.11/site-packages/ingest
COPY streams /opt/tocsin/lib/python3.11/site-packages/streams
COPY alerts /opt/tocsin/lib/python3.11/site-packages/alerts
COPY api /opt/tocsin/lib/python3.11/site-packages/api
COPY LICENSE /opt/tocsin/LICENSE
RUN printf '#!/opt/tocsin/bin/python\nfrom api.command import main\n\nmain()\n' > /opt/tocsin/bin/tocsin \
 && chmod 0755 /opt/tocsin/bin/tocsin \
 && python -m compileall -q /opt/tocsin/lib

FROM python:${PYTHON}
RUN groupadd --gid 10001 tocsin \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin tocsin \
 && install -d -o tocsin -g tocsin -m 0755 /run/tocsin
COPY --from=build /opt/tocsin /opt/tocsin
ENV PATH=/opt/tocsin/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PYTHONFAULTHANDLER=1
WORKDIR /etc/tocsin
USER 10001:10001
EXPOSE 8460
STOPSIGNAL SIGTERM
# Every process that serves touches this file each second while it gets on (--heartbeat); see api/heartbeat.py.
HEALTHCHECK --interval=5s --timeout=3s --start-period=90s --retries=3 CMD ["python", "-m", "api.heartbeat", "/run/tocsin/heartbeat"]
ENTRYPOINT ["tocsin"]
CMD ["--help"]
