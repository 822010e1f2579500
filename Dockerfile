# syntax=docker/dockerfile:1
# mockai as a container: everything is told by MOCKAI_* variables, the API and mounted files.
# The root may be read-only, nothing runs as root, and no shell is needed.
ARG BASE=python:3.13-slim

FROM ${BASE} AS build
ARG UV_VERSION=0.13.9
ENV UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1 UV_PYTHON_DOWNLOADS=never UV_PROJECT_ENVIRONMENT=/app
RUN python3 -m venv /opt/uv && /opt/uv/bin/pip install --quiet --no-cache-dir "uv==${UV_VERSION}"
WORKDIR /src
# What mockai needs changes seldom, so it is a layer of its own.
COPY pyproject.toml uv.lock ./
RUN /opt/uv/bin/uv sync --quiet --locked --no-dev --no-install-project --no-cache
COPY README.md LICENSE ./
COPY mockai ./mockai
RUN /opt/uv/bin/uv sync --quiet --locked --no-dev --no-editable --no-cache \
    && rm /app/.lock

FROM ${BASE}
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="mockai" \
      org.opencontainers.image.description="An OpenAI-compatible test server that knows when your client stopped listening, and what that cost." \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}"
COPY --from=build /app /app
# A container must be reachable from its network, which is the boundary here: hence MOCKAI_OPEN.
# Set MOCKAI_ADMIN_TOKEN to lock the control API as well.
ENV PATH=/app/bin:$PATH PYTHONUNBUFFERED=1 MOCKAI_HOST=0.0.0.0 MOCKAI_PORT=8080 MOCKAI_OPEN=1
USER 65532:65532
EXPOSE 8080
HEALTHCHECK --interval=5s --timeout=2s --start-period=10s CMD ["mockai", "health"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["mockai"]
CMD ["serve"]
