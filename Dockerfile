# One image for the service and the worker: `sentinel serve`, `sentinel stream run`.
FROM python:3.11-slim-bookworm

# LightGBM needs the OpenMP library of the system.
RUN apt-get update \
 && apt-get install --yes --no-install-recommends libgomp1 \
 && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/sentinel
# Packages first: they change seldom and are large (PyTorch).
COPY requirements.txt ./
RUN python -m pip install --no-cache-dir --disable-pip-version-check -r requirements.txt

COPY . .
RUN python -m pip install --no-cache-dir --disable-pip-version-check --no-deps -e . \
 && useradd --uid 10001 --create-home sentinel \
 && install -d -o sentinel -g sentinel -m 0700 /data

# /data holds the key of the pseudonyms, which service and workers share: keep it, and keep it secret.
USER sentinel
VOLUME /data
WORKDIR /data
ENV PYTHONUNBUFFERED=1
EXPOSE 8080 9464 9465
ENTRYPOINT ["sentinel"]
CMD ["--help"]
